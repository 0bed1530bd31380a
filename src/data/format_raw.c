/* Raw ids: little-endian integers and no header, as nanoGPT writes them. Nothing in the file says
 * how wide they are: the manifest does, or the user, or the vocabulary. */
#include <inttypes.h>

#include "data/format.h"

static lm_status open_raw(lm_shard *s, lm_ids ids, lm_error *err) {
    s->ids = ids;
    if (s->file.size % (uint64_t)ids.bytes != 0)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected whole tokens of %d bytes, found a size of %" PRIu64
                            " bytes",
                            s->path, ids.bytes, s->file.size);
    s->tokens = (int64_t)(s->file.size / (uint64_t)ids.bytes);
    return LM_OK;
}

/* The width that was asked for: 2 when nothing asks. */
static int64_t width(const lm_shard *s) {
    if (s->manifest.found) return s->manifest.format->ids.bytes;
    if (s->token_bytes) return s->token_bytes;
    return s->vocab_size > 65536 ? 4 : 2;
}

static lm_status open_uint16(lm_shard *s, bool *mine, lm_error *err) {
    *mine = true;
    return open_raw(s, lm_format_raw_uint16.ids, err);
}
static lm_status open_uint32(lm_shard *s, bool *mine, lm_error *err) {
    *mine = width(s) == 4;
    return *mine ? open_raw(s, lm_format_raw_uint32.ids, err) : LM_OK;
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
