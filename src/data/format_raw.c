/* Raw ids: little-endian integers and no header, as nanoGPT writes them. */
#include "base/bytes.h"
#include "base/numbers.h"
#include "data/format.h"

/* Nothing in the file says what it is. */
static bool probe(const lm_shard *s) {
    (void)s;
    return true;
}

static lm_status open_bytes(lm_shard *s, size_t token_bytes, lm_error *err) {
    if (s->map.size % token_bytes != 0)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected whole tokens of %zu bytes, found a size of %zu bytes",
                            s->path, token_bytes, s->map.size);
    s->tokens = (int64_t)(s->map.size / token_bytes);
    return LM_OK;
}

static lm_status open_uint16(lm_shard *s, lm_error *err) {
    return open_bytes(s, 2, err);
}
static lm_status open_uint32(lm_shard *s, lm_error *err) {
    return open_bytes(s, 4, err);
}

static void read_uint16(const lm_shard *s, int64_t first, int64_t n, int32_t *tokens) {
    const unsigned char *bytes = s->map.data + 2 * first;
    for (int64_t i = 0; i < n; i++) tokens[i] = lm_read_u16(bytes + 2 * i);
}

/* What does not fit int32_t becomes INT32_MAX, which no vocabulary has. */
static void read_uint32(const lm_shard *s, int64_t first, int64_t n, int32_t *tokens) {
    const unsigned char *bytes = s->map.data + 4 * first;
    for (int64_t i = 0; i < n; i++)
        tokens[i] = (int32_t)lm_u64_min(lm_read_u32(bytes + 4 * i), INT32_MAX);
}

static int64_t byte_offset_uint16(int64_t token) {
    return 2 * token;
}
static int64_t byte_offset_uint32(int64_t token) {
    return 4 * token;
}

static void write_uint16(const int32_t *tokens, int64_t n, unsigned char *bytes) {
    for (int64_t i = 0; i < n; i++) lm_write_u16(bytes + 2 * i, (uint16_t)tokens[i]);
}
static void write_uint32(const int32_t *tokens, int64_t n, unsigned char *bytes) {
    for (int64_t i = 0; i < n; i++) lm_write_u32(bytes + 4 * i, (uint32_t)tokens[i]);
}

const lm_format lm_format_raw_uint16 = {
    .name = "raw uint16",
    .dtype = "uint16",
    .most_vocab_size = 1 << 16,
    .probe = probe,
    .open = open_uint16,
    .read = read_uint16,
    .byte_offset = byte_offset_uint16,
    .write = write_uint16,
    .token_bytes = 2,
};
const lm_format lm_format_raw_uint32 = {
    .name = "raw uint32",
    .dtype = "uint32",
    .most_vocab_size = INT32_MAX,
    .probe = probe,
    .open = open_uint32,
    .read = read_uint32,
    .byte_offset = byte_offset_uint32,
    .write = write_uint32,
    .token_bytes = 4,
};
