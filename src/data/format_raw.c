/* Raw ids: little-endian integers and no header, as nanoGPT writes them. Nothing in the file says
 * how wide they are: the manifest does, or the user, or the vocabulary; when nothing does, what the
 * file looks like. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data/format.h"
#include "data/looks.h"

/* What was asked for; *sure: by someone who knows. */
static int width(const lm_shard *s, bool *sure) {
    *sure = s->manifest.found || s->token_bytes != 0;
    if (s->manifest.found) return s->manifest.format->ids.bytes;
    if (s->token_bytes) return (int)s->token_bytes;
    return s->vocab_size > 65536 ? 4 : 2;
}

/* Refuses a file that looks like something else than ids of the width that follows from the
 * vocabulary. */
static lm_status check_looks(const lm_shard *s, lm_error *err) {
    const char *what;
    char ids[64] = "";
    lm_status status = lm_looks(s, s->ids.bytes, &what, err);
    if (status != LM_OK || !what) return status;
    if (s->vocab_size > 0) snprintf(ids, sizeof ids, " below %" PRId64, s->vocab_size);
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%s: expected raw ids%s, which are uint%d, but it looks like %s"
                        " (data.token_bytes = 2 or 4 says how wide raw ids are)",
                        s->path, ids, 8 * s->ids.bytes, what);
}

/* Nothing says how wide the ids are: uint32 when they look like it. */
static lm_status guess(const lm_shard *s, int *bytes, lm_error *err) {
    const char *what;
    lm_status status = lm_looks(s, 2, &what, err);
    if (status == LM_OK && what && strncmp(what, "uint32", strlen("uint32")) == 0) *bytes = 4;
    return status;
}

static lm_status open_raw(lm_shard *s, int wanted, bool *mine, lm_error *err) {
    bool sure;
    int bytes = width(s, &sure);
    lm_status status = LM_OK;
    if (!sure && s->vocab_size == 0) status = guess(s, &bytes, err);
    *mine = status == LM_OK && bytes == wanted;
    if (!*mine) return status;
    s->ids = (lm_ids){.bytes = bytes};
    if (!sure && (status = check_looks(s, err)) != LM_OK) return status;
    if (s->file.size % (uint64_t)bytes != 0)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected whole tokens of %d bytes, found a size of %" PRIu64
                            " bytes",
                            s->path, bytes, s->file.size);
    s->tokens = (int64_t)(s->file.size / (uint64_t)bytes);
    return LM_OK;
}

static lm_status open_uint16(lm_shard *s, bool *mine, lm_error *err) {
    return open_raw(s, 2, mine, err);
}
static lm_status open_uint32(lm_shard *s, bool *mine, lm_error *err) {
    return open_raw(s, 4, mine, err);
}

const lm_format lm_format_raw_uint16 = {
    .name = "raw",
    .dtype = "uint16",
    .ids = {.bytes = 2},
    .open = open_uint16,
};
const lm_format lm_format_raw_uint32 = {
    .name = "raw",
    .dtype = "uint32",
    .ids = {.bytes = 4},
    .open = open_uint32,
};
