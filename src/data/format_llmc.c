/* Shards of llm.c and modded-nanogpt: 256 int32 (a magic number, a version, the count of tokens,
 * zeros), then ids of uint16 (GPT-2) or uint32 (Llama 3). See llm.c, dev/data/data_common.py. */
#include <inttypes.h>

#include "base/bytes.h"
#include "data/format.h"

enum { HEADER = 1024 }; /* bytes */

typedef struct kind {
    uint32_t magic, version;
    int bytes; /* per id */
} kind;
static const kind kinds[] = {{20240520, 1, 2}, {20240801, 7, 4}};

/* Files of llm.c that hold no corpus. */
static const char *other(uint32_t magic) {
    switch (magic) {
    case 20240522:
        return "questions with several choices for llm.c's evaluation";
    case 20240326:
        return "a model of llm.c";
    case 20240327:
        return "a debug state of llm.c";
    case 20240328:
        return "a tokenizer of llm.c";
    default:
        return NULL;
    }
}

static lm_status open_kind(lm_shard *s, const kind *k, const unsigned char *header, lm_error *err) {
    uint32_t version = lm_read_u32(header + 4), count = lm_read_u32(header + 8);
    uint64_t size = HEADER + (uint64_t)count * (uint64_t)k->bytes;
    if (version != k->version)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: byte offset 4: expected version %" PRIu32
                            " of an llm.c shard, found %" PRIu32,
                            s->path, k->version, version);
    if (s->file.size != size)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected %" PRIu64 " bytes, since its llm.c header counts %" PRIu32
                            " tokens, found %" PRIu64,
                            s->path, size, count, s->file.size);
    s->ids = (lm_ids){.bytes = k->bytes};
    s->start = HEADER;
    s->tokens = count;
    return LM_OK;
}

static lm_status open_llmc(lm_shard *s, bool *mine, lm_error *err) {
    unsigned char header[HEADER];
    if (s->manifest.found || s->file.size < HEADER) return LM_OK;
    lm_status status = lm_shard_read_bytes(s, 0, header, sizeof header, err);
    if (status != LM_OK) return status;
    uint32_t magic = lm_read_u32(header);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (magic != kinds[i].magic) continue;
        *mine = true;
        return open_kind(s, &kinds[i], header, err);
    }
    if (other(magic) && lm_read_u32(header + 4) < 16) /* a version: not two ids of a vocabulary */
        return lm_error_set(err, LM_ERR_RUNTIME, "%s: expected tokens, found %s", s->path,
                            other(magic));
    return LM_OK;
}

const lm_format lm_format_llmc = {.name = "llm.c", .open = open_llmc};
