#include "containers/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"

#define MAGIC "\x93NUMPY\x01\x00" /* and the version, 1.0 */
enum { MAGIC_SIZE = sizeof MAGIC - 1, FRONT = MAGIC_SIZE + 2, ALIGNMENT = 64 };

/* ---- writing ----------------------------------------------------------------------------------*/

void lm_npy_header_print(const char *descr, int ndim, const int64_t *shape, lm_text *out) {
    size_t start = out->length;
    LM_ASSERT(ndim >= 0 && ndim <= LM_NPY_MOST_DIMS);
    lm_text_append(out, MAGIC "\0\0", FRONT); /* the length of what follows comes last */
    lm_text_printf(out, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < ndim; i++) lm_text_printf(out, "%s%" PRId64, i ? ", " : "", shape[i]);
    lm_text_printf(out, ndim == 1 ? ",), }" : "), }"); /* a tuple of one has a comma */
    while ((out->length - start + 1) % ALIGNMENT != 0 && !out->failed) lm_text_append(out, " ", 1);
    lm_text_append(out, "\n", 1);
    if (!out->failed)
        lm_write_u16(out->data + start + MAGIC_SIZE, (uint16_t)(out->length - start - FRONT));
}

/* ---- reading ----------------------------------------------------------------------------------*/

bool lm_npy_is(const unsigned char *front, size_t size) {
    return size >= LM_NPY_FRONT && memcmp(front, MAGIC, MAGIC_SIZE - 2) == 0;
}

size_t lm_npy_header_size(const unsigned char front[LM_NPY_FRONT]) {
    uint64_t size = 0;
    if (front[MAGIC_SIZE - 2] == 1) size = FRONT + (uint64_t)lm_read_u16(front + MAGIC_SIZE);
    if (front[MAGIC_SIZE - 2] == 2 || front[MAGIC_SIZE - 2] == 3)
        size = LM_NPY_FRONT + (uint64_t)lm_read_u32(front + MAGIC_SIZE);
    return size <= LM_NPY_MOST_HEADER ? (size_t)size : 0;
}

/* The text of the header, a Python dict, from `at` on. */
typedef struct parser {
    const unsigned char *bytes;
    size_t at, size;
    const char *name;
    lm_status status; /* of the first error */
    lm_error *err;
} parser;

static void expected(parser *p, const char *what) {
    char found[32] = "the end of the header";
    if (p->status != LM_OK) return;
    const unsigned char *c = p->bytes + p->at;
    bool end = p->at >= p->size, plain = !end && *c >= 32 && *c < 127;
    if (!end && plain) snprintf(found, sizeof found, "'%c'", *c);
    if (!end && !plain) snprintf(found, sizeof found, "byte 0x%02x", *c);
    p->status = lm_error_damaged(p->err, "%s: NumPy header, byte offset %zu: expected %s, found %s",
                                 p->name, p->at, what, found);
}

/* The next character that is not white space, which stays; 0: the end, or there was an error. */
static int peek(parser *p) {
    while (p->status == LM_OK && p->at < p->size && strchr(" \t\r\n", p->bytes[p->at]) &&
           p->bytes[p->at])
        p->at++;
    return p->status == LM_OK && p->at < p->size ? p->bytes[p->at] : 0;
}

/* Takes the next character when it is c. */
static bool take(parser *p, char c) {
    if (peek(p) != c) return false;
    p->at++;
    return true;
}

static void require(parser *p, char c) {
    const char what[] = {'\'', c, '\'', 0};
    if (!take(p, c)) expected(p, what);
}

/* A string in either kind of quotes that fits out [size] with its NUL. */
static void get_string(parser *p, const char *what, char *out, size_t size) {
    size_t n = 0;
    int quote = peek(p);
    out[0] = 0;
    if (quote != '\'' && quote != '"') expected(p, what);
    if (p->status != LM_OK) return;
    for (p->at++; p->at < p->size && p->bytes[p->at] != quote; p->at++) {
        unsigned char c = p->bytes[p->at];
        if (n + 1 >= size || c < 32 || c >= 127 || c == '\\') {
            expected(p, what);
            return;
        }
        out[n++] = (char)c;
    }
    out[n] = 0;
    if (p->at >= p->size) expected(p, "a closing quote");
    p->at++;
}

static bool get_word(parser *p, const char *word) {
    size_t n = strlen(word);
    if (!peek(p) || p->size - p->at < n || memcmp(p->bytes + p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

static int64_t get_count(parser *p) {
    int64_t x = 0;
    int c = peek(p);
    if (c < '0' || c > '9') expected(p, "a number of elements");
    while (p->status == LM_OK && p->at < p->size && (c = p->bytes[p->at]) >= '0' && c <= '9') {
        if (!lm_count_mul(x, 10, &x) || __builtin_add_overflow(x, c - '0', &x))
            expected(p, "a number of elements below 2^63");
        p->at++;
    }
    (void)take(p, 'L'); /* Python 2 wrote long numbers so */
    return x;
}

static void get_shape(parser *p, lm_npy_header *h) {
    h->ndim = 0;
    h->count = 1;
    require(p, '(');
    while (p->status == LM_OK && !take(p, ')')) {
        int64_t n = get_count(p);
        if (h->ndim == LM_NPY_MOST_DIMS) expected(p, "at most 64 dimensions");
        if (p->status != LM_OK) return;
        h->shape[h->ndim++] = n;
        if (!lm_count_mul(h->count, n, &h->count)) expected(p, "fewer than 2^63 elements in all");
        bool comma = take(p, ',');
        if (!comma && (h->ndim == 1 || peek(p) != ')')) expected(p, "','");
    }
}

static void get_order(parser *p, lm_npy_header *h) {
    h->fortran_order = get_word(p, "True");
    if (!h->fortran_order && !get_word(p, "False")) expected(p, "True or False");
}

/* One key and its value; `seen` has a bit for each key that was there. */
static void get_member(parser *p, lm_npy_header *h, unsigned *seen) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[16];
    unsigned k = 0;
    size_t start = p->at;
    get_string(p, "a key in quotes", key, sizeof key);
    while (k < 3 && strcmp(key, keys[k]) != 0) k++;
    if (k == 3 || (*seen & 1u << k)) {
        p->at = start;
        expected(p, "'descr', 'fortran_order' and 'shape', once each");
        return;
    }
    *seen |= 1u << k;
    require(p, ':');
    if (k == 0) get_string(p, "the name of a plain type in quotes", h->descr, sizeof h->descr);
    if (k == 1) get_order(p, h);
    if (k == 2) get_shape(p, h);
}

lm_status lm_npy_header_read(lm_npy_header *h, const unsigned char *bytes, size_t size,
                             const char *name, lm_error *err) {
    parser p = {.bytes = bytes,
                .at = bytes[MAGIC_SIZE - 2] == 1 ? FRONT : LM_NPY_FRONT,
                .size = size,
                .name = name,
                .err = err};
    unsigned seen = 0;
    memset(h, 0, sizeof *h);
    require(&p, '{');
    while (p.status == LM_OK && !take(&p, '}')) {
        get_member(&p, h, &seen);
        if (!take(&p, ',') && peek(&p) != '}') expected(&p, "',' or '}'");
    }
    if (p.status == LM_OK && seen != 7)
        expected(&p, "'descr', 'fortran_order' and 'shape' before it");
    if (peek(&p)) expected(&p, "the end of the header");
    return p.status;
}
