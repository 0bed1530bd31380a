#include "text/content.h"

#include <stdbool.h>
#include <string.h>

#include "base/numbers.h"

#define THROUGH(command) "use: " command " FILE | lmtrain tokenize --input - ..."

typedef struct row {
    const char *name, *advice;
    size_t at, size;
    const char *magic; /* `size` bytes at offset `at`; size 0: not told by such bytes */
} row;

#define MAGIC(at, bytes) at, sizeof bytes - 1, bytes

static const row rows[LM_CONTENTS] = {
    [LM_CONTENT_TEXT] = {"text", "", 0, 0, NULL},
    [LM_CONTENT_EMPTY] = {"empty", "", 0, 0, NULL},
    [LM_CONTENT_BINARY] = {"binary (0x00 bytes)", "", 0, 0, NULL},
    [LM_CONTENT_GZIP] = {"gzip-compressed", THROUGH("gzip -dc"), MAGIC(0, "\x1F\x8B")},
    [LM_CONTENT_ZSTD] = {"zstd-compressed", THROUGH("zstd -dc"), MAGIC(0, "\x28\xB5\x2F\xFD")},
    [LM_CONTENT_XZ] = {"xz-compressed", THROUGH("xz -dc"), MAGIC(0, "\xFD\x37zXZ\0")},
    [LM_CONTENT_BZIP2] = {"bzip2-compressed", THROUGH("bzip2 -dc"), MAGIC(0, "BZh")},
    [LM_CONTENT_LZ4] = {"lz4-compressed", THROUGH("lz4 -dc"), MAGIC(0, "\x04\x22\x4D\x18")},
    [LM_CONTENT_ZIP] = {"a zip archive", "use: unzip FILE -d DIR, then --input DIR",
                        MAGIC(0, "PK\x03\x04")},
    [LM_CONTENT_7Z] = {"a 7z archive", "unpack it, then --input DIR", MAGIC(0, "7z\xBC\xAF\x27")},
    [LM_CONTENT_TAR] = {"a tar archive", "use: tar -xf FILE -C DIR, then --input DIR",
                        MAGIC(257, "ustar")},
    [LM_CONTENT_UTF32] = {"UTF-32", THROUGH("iconv -f UTF-32 -t UTF-8"), 0, 0, NULL},
    [LM_CONTENT_UTF16] = {"UTF-16", THROUGH("iconv -f UTF-16 -t UTF-8"), 0, 0, NULL},
    [LM_CONTENT_PARQUET] = {"Parquet",
                            "use: python3 -c 'import sys, pandas; pandas.read_parquet(sys.argv[1])"
                            ".to_json(\"text.jsonl\", orient=\"records\", lines=True)' FILE, then"
                            " --input text.jsonl",
                            MAGIC(0, "PAR1")},
    [LM_CONTENT_ARROW] = {"Arrow",
                          "use: python3 -c 'import sys, pandas; pandas.read_feather(sys.argv[1])"
                          ".to_json(\"text.jsonl\", orient=\"records\", lines=True)' FILE, then"
                          " --input text.jsonl",
                          MAGIC(0, "ARROW1")},
    [LM_CONTENT_HDF5] = {"HDF5", "", MAGIC(0, "\x89HDF\r\n")},
    [LM_CONTENT_SQLITE] = {"an SQLite database", "", MAGIC(0, "SQLite format 3")},
    [LM_CONTENT_NPY] = {"a NumPy array", "", MAGIC(0, "\x93NUMPY")},
    [LM_CONTENT_GGUF] = {"a GGUF model", "", MAGIC(0, "GGUF")},
    [LM_CONTENT_PDF] = {"PDF", "use: pdftotext FILE, then --input the .txt", MAGIC(0, "%PDF-")},
};

const char *lm_content_name(lm_content c) {
    return rows[c].name;
}
const char *lm_content_advice(lm_content c) {
    return rows[c].advice;
}

/* "BZh" alone also begins words. */
static bool is_bzip2(const unsigned char *p, size_t size) {
    return size >= 10 && p[3] >= '1' && p[3] <= '9' &&
           (memcmp(p + 4, "1AY&SY", 6) == 0 || memcmp(p + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

/* Mostly Latin text in UTF-16 has a 0x00 in nearly every second byte, and only there. */
static bool looks_like_utf16(const unsigned char *p, size_t size) {
    size_t zeros[2] = {0}, n = lm_size_min(size, LM_CONTENT_HEAD) / 2 * 2;
    for (size_t i = 0; i < n; i++) zeros[i % 2] += p[i] == 0;
    for (int i = 0; i < 2; i++)
        if (n >= 4 && zeros[i] >= 3 * n / 8 && zeros[!i] == 0) return true;
    return false;
}

lm_content lm_content_recognise(const void *head, size_t size) {
    const unsigned char *p = head;
    if (size == 0) return LM_CONTENT_EMPTY;
    if (size >= 4 && (memcmp(p, "\xFF\xFE\0\0", 4) == 0 || memcmp(p, "\0\0\xFE\xFF", 4) == 0))
        return LM_CONTENT_UTF32;
    if (size >= 2 && (memcmp(p, "\xFF\xFE", 2) == 0 || memcmp(p, "\xFE\xFF", 2) == 0))
        return LM_CONTENT_UTF16;
    for (int i = 0; i < LM_CONTENTS; i++) {
        const row *r = &rows[i];
        if (r->size == 0 || size < r->at + r->size) continue;
        if (memcmp(p + r->at, r->magic, r->size) != 0) continue;
        if (i != LM_CONTENT_BZIP2 || is_bzip2(p, size)) return (lm_content)i;
    }
    if (!memchr(p, 0, size)) return LM_CONTENT_TEXT;
    return looks_like_utf16(p, size) ? LM_CONTENT_UTF16 : LM_CONTENT_BINARY;
}
