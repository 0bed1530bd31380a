#include "data/looks.h"

#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"

/* ---- files that begin with a signature --------------------------------------------------------*/

/* By chance a file of ids begins so once in 2^24 times at most; data.token_bytes then says it. */
typedef struct signature {
    const char *bytes;
    size_t size;
    const char *what;
} signature;
#define SIGNATURE(bytes, what) \
    { bytes, sizeof bytes - 1, what }
static const signature signatures[] = {
    SIGNATURE("PK\x03\x04", "a ZIP archive"),
    SIGNATURE("\x1f\x8b\x08", "gzip"),
    SIGNATURE("\x28\xb5\x2f\xfd", "Zstandard"),
    SIGNATURE("\xfd"
              "7zXZ",
              "xz"),
    SIGNATURE("BZh91AY", "bzip2"),
    SIGNATURE("PAR1", "Parquet"),
    SIGNATURE("ARROW1", "Arrow"),
    SIGNATURE("\x89HDF", "HDF5"),
    SIGNATURE("GGUF", "a GGUF model"),
    SIGNATURE("\x7f"
              "ELF",
              "a program"),
    SIGNATURE("\x80\x04\x95", "a Python pickle"),
    SIGNATURE("\x80\x02}", "a Python pickle"),
    SIGNATURE("MMIDIDX\0\0", "the index of a Megatron corpus"),
};
enum { SIGNATURES = sizeof signatures / sizeof *signatures, MOST_SIGNATURE = 16 };

static const char *signature_of(const unsigned char *front, size_t size) {
    for (int i = 0; i < SIGNATURES; i++)
        if (size >= signatures[i].size &&
            memcmp(front, signatures[i].bytes, signatures[i].size) == 0)
            return signatures[i].what;
    return NULL;
}

/* ---- numbers ----------------------------------------------------------------------------------*/

enum {
    PLACES = 16,    /* of the sample, spread evenly */
    BLOCK = 4096,   /* bytes at each */
    FEW = 32,       /* a sample of fewer uint16 tells nothing */
    HIGH_HALF = 15, /* of a uint32 id: no vocabulary has a million ids */
};

typedef struct sample {
    int64_t n;                /* uint16 in it, a multiple of four */
    uint16_t most[4];         /* the largest of every fourth uint16 */
    int64_t beyond;           /* uint32 that are ids of no vocabulary in use */
    int64_t text, zero_bytes; /* bytes that text has, and 0x00 */
} sample;

static void add(sample *m, const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i + 8 <= size; i += 8) {
        for (size_t k = 0; k < 4; k++) {
            uint16_t x = lm_read_u16(bytes + i + 2 * k);
            if (x > m->most[k]) m->most[k] = x;
        }
        m->beyond +=
            (lm_read_u16(bytes + i + 2) > HIGH_HALF) + (lm_read_u16(bytes + i + 6) > HIGH_HALF);
        m->n += 4;
        for (size_t k = i; k < i + 8; k++) {
            m->zero_bytes += bytes[k] == 0;
            m->text += (bytes[k] >= 32 && bytes[k] < 127) || bytes[k] == '\n' || bytes[k] == '\r' ||
                       bytes[k] == '\t';
        }
    }
}

static lm_status take_sample(const lm_shard *s, sample *m, lm_error *err) {
    unsigned char bytes[BLOCK];
    const uint64_t size = s->file.size;
    uint64_t before = UINT64_MAX;
    memset(m, 0, sizeof *m);
    for (uint64_t i = 0; i < PLACES; i++) {
        uint64_t offset = size / PLACES * i / 8 * 8;
        if (offset == before) continue;
        before = offset;
        size_t n = (size_t)lm_u64_min(BLOCK, size - offset);
        lm_status status = lm_shard_read_bytes(s, offset, bytes, n, err);
        if (status != LM_OK) return status;
        add(m, bytes, n);
    }
    return LM_OK;
}

static uint16_t larger(uint16_t a, uint16_t b) {
    return a > b ? a : b;
}

static const char *numbers(const sample *m, uint64_t size, int bytes) {
    const uint16_t even = larger(m->most[0], m->most[2]), odd = larger(m->most[1], m->most[3]);
    const bool fours = size % 4 == 0, eights = size % 8 == 0;
    if (eights && m->most[0] > 0 && !m->most[2] && !m->most[3] && m->most[1] <= HIGH_HALF &&
        (m->most[0] > HIGH_HALF || !m->most[1]))
        return bytes == 2 ? "int64: of four ids three are 0" : "int64: every second id is 0";
    if (bytes == 2 && fours && even > 0 && !odd) return "uint32: every second id is 0";
    if (bytes == 2 && fours && even > 255 && odd <= HIGH_HALF)
        return "uint32: every second id is below 16";
    if (bytes == 4 && m->beyond * 4 > m->n) return "uint16: as uint32 most ids are above a million";
    return NULL;
}

lm_status lm_looks(const lm_shard *s, int bytes, const char **what, lm_error *err) {
    unsigned char front[MOST_SIGNATURE];
    size_t n = (size_t)lm_u64_min(sizeof front, s->file.size);
    sample m;
    *what = NULL;
    lm_status status = lm_shard_read_bytes(s, 0, front, n, err);
    if (status != LM_OK || (*what = signature_of(front, n))) return status;
    if ((status = take_sample(s, &m, err)) != LM_OK || m.n < FEW) return status;
    bool text = m.zero_bytes == 0 && m.text > m.n * 2 * 9 / 10;
    *what =
        text ? "text, which lmtrain tokenize turns into tokens" : numbers(&m, s->file.size, bytes);
    return LM_OK;
}
