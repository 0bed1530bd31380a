#include "ops/attention_tile.h"

#include <string.h>

#include "ops/pack.h"

/* Operands are pairs of bf16, or those pairs laid out wide (kernels.h). */
static lm_element element_of(const lm_compute *compute) {
    return lm_element_of(compute->kernels, compute->precision);
}
static bool has_pairs(const lm_compute *compute) {
    return element_of(compute) == LM_ELEMENT_PAIR;
}
static bool is_wide(const lm_compute *compute) {
    return element_of(compute) == LM_ELEMENT_WIDE;
}

int64_t lm_attention_elements(const lm_compute *compute, int64_t k) {
    return is_wide(compute) ? lm_round_up(k, 2) : has_pairs(compute) ? lm_divide_up(k, 2) : k;
}

static const void *element(const void *x, int64_t i) {
    return (const char *)x + i * (int64_t)sizeof(float);
}

/* ---- operands -------------------------------------------------------------------------------- */
void lm_attention_copy_rows(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                            int64_t x_row, void *out, int64_t at) {
    size_t size = lm_array_element_bytes(x.type), bytes = (size_t)d * size;
    size_t row = (size_t)lm_attention_elements(compute, d) * sizeof(float);
    char *to = (char *)out + (size_t)at * row;
    if (is_wide(compute)) {
        lm_attention_rows(compute, n, d, x, x_row, to);
        return;
    }
    for (int64_t i = 0; i < n; i++, to += row) {
        memcpy(to, lm_array_from(x, i * x_row).at, bytes);
        memset(to + bytes, 0, row - bytes);
    }
}

tile_operand lm_attention_tile_of_rows(const lm_compute *compute, int64_t d, const void *rows,
                                       int64_t at) {
    int64_t row = lm_attention_elements(compute, d);
    return (tile_operand){element(rows, at * row), row, 1};
}

tile_operand lm_attention_rows(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                               int64_t x_row, void *copy) {
    if (compute->precision == LM_FP32) return (tile_operand){x.at, x_row, 1};
    if (is_wide(compute)) {
        int64_t row = lm_attention_elements(compute, d);
        compute->kernels->wide_from_bf16(n, d, x.at, x_row, copy, row);
        return (tile_operand){copy, row, 1};
    }
    if (lm_bf16_is_pairs(x.at, x_row, d)) return (tile_operand){x.at, x_row / 2, 1};
    lm_bf16 *out = copy;
    int64_t row = 2 * lm_attention_elements(compute, d);
    for (int64_t i = 0; i < n; i++) {
        memcpy(out + i * row, lm_array_from(x, i * x_row).at, sizeof *out * (size_t)d);
        if (d < row) out[i * row + d] = 0;
    }
    return (tile_operand){copy, row / 2, 1};
}

void lm_attention_ask_for(const lm_attention *a, lm_array x, int64_t part, int64_t jt) {
    enum { ROWS = TILE / LM_ATTENTION_TOGETHER };
    int64_t from = jt * TILE + part * ROWS, to = lm_min(from + ROWS, a->time);
    size_t bytes = (size_t)a->head_size * lm_array_element_bytes(x.type);
    for (int64_t t = from; t < to && part < LM_ATTENTION_TOGETHER; t++) {
        const char *row = lm_array_from(x, t * a->qkv_row).at;
        for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + i, 0, 2);
    }
}

void lm_attention_pack_transposed(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                                  int64_t x_row, void *out) {
    lm_pack_panel(compute->kernels, element_of(compute), n, TILE, d, x, x_row, 1, out);
}

void lm_attention_pack_lines(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                             int64_t x_row, void *out) {
    if (compute->precision == LM_BF16) {
        lm_pack_panel(compute->kernels, element_of(compute), d, d, n, x, 1, x_row, out);
        return;
    }
    const float *from = x.at;
    float *to = out;
    for (int64_t i = 0; i < n; i++) memcpy(to + i * d, from + i * x_row, (size_t)d * sizeof *to);
}

tile_operand lm_attention_tile_by_rows(const lm_compute *compute, const tile *t, float *s,
                                       void *out) {
    if (compute->precision == LM_FP32) return (tile_operand){s, TILE, 1};
    if (is_wide(compute)) {
        compute->kernels->wide_from_f32(t->rows, t->cols, s, TILE, out, TILE);
        return (tile_operand){out, TILE, 1};
    }
    for (int64_t i = 0; i < t->rows && t->cols % 2 != 0; i++) s[i * TILE + t->cols] = 0;
    compute->kernels->bf16_from_f32(t->rows, TILE, s, TILE, out, TILE);
    return (tile_operand){out, TILE / 2, 1};
}

tile_operand lm_attention_tile_by_columns(const lm_compute *compute, const tile *t, const float *s,
                                          void *out) {
    if (compute->precision == LM_FP32) return (tile_operand){s, 1, TILE};
    lm_pack_panel(compute->kernels, element_of(compute), t->cols, TILE, t->rows, lm_array_f32(s), 1,
                  TILE, out);
    return (tile_operand){out, 1, TILE};
}

/* ---- products -------------------------------------------------------------------------------- */
/* Rows, or columns, that are multiplied at once. */
static int64_t strip_of(const tile *t, int64_t rows) {
    return (t->diagonal || t->masked) && rows > LM_ATTENTION_STRIP ? LM_ATTENTION_STRIP : rows;
}
/* The keys that queries i .. i+m-1 meet: from..until-1. */
typedef struct run {
    int64_t from, until;
} run;
static run keys_of(const tile *t, int64_t i, int64_t m) {
    int64_t until = t->diagonal ? lm_min(i + m, t->cols) : t->cols;
    int64_t from = t->masked ? t->from[i / LM_ATTENTION_STRIP] : 0;
    return (run){lm_min(from, until), until};
}
/* The queries that keys j .. meet. */
static run queries_of(const tile *t, int64_t j) {
    int64_t until = t->masked ? t->until[j / LM_ATTENTION_STRIP] : t->rows;
    int64_t from = t->diagonal ? j : 0; /* queries before j do not see key j */
    return (run){lm_min(from, until), until};
}

/* c [m, n] = a b, or += unless first; k in elements; rows of b are contiguous. */
static void multiply(const lm_compute *compute, int64_t m, int64_t n, int64_t k, tile_operand a,
                     tile_operand b, bool first, tile_sums c) {
    const lm_kernels *kernels = compute->kernels;
    const float *init = first ? NULL : c.at;
    if (has_pairs(compute))
        kernels->gemm_bf16(m, n, k, a.at, a.row, a.col, b.at, b.row, init, c.row, c.at, c.row);
    else
        kernels->gemm_f32(m, n, k, a.at, a.row, a.col, b.at, b.row, init, c.row, c.at, c.row);
}

static tile_operand operand_from(tile_operand x, int64_t i, int64_t k) {
    x.at = element(x.at, i * x.row + k * x.col);
    return x;
}

void lm_attention_multiply_scores(const lm_compute *compute, const tile *t, int64_t d,
                                  tile_operand x, const void *yt, float *s) {
    int64_t strip = strip_of(t, t->rows), k = lm_attention_elements(compute, d);
    tile_operand b = {yt, TILE, 1};
    for (int64_t i = 0; i < t->rows; i += strip) {
        int64_t m = lm_min(strip, t->rows - i);
        run keys = keys_of(t, i, m);
        int64_t until = lm_min(lm_round_up(keys.until, 16), t->cols);
        for (int64_t r = i; r < i + m && keys.from > 0; r++)
            memset(s + r * TILE, 0, sizeof *s * (size_t)keys.from);
        multiply(compute, m, until - keys.from, k, operand_from(x, i, 0),
                 operand_from(b, 0, keys.from), true, (tile_sums){s + i * TILE + keys.from, TILE});
    }
}

/* k elements of k are left; none: there is nothing to add. */
static void add_products(const lm_compute *compute, int64_t m, int64_t d, int64_t k, tile_operand p,
                         tile_operand y, bool first, tile_sums c) {
    if (k > 0 || first) multiply(compute, m, d, k, p, y, first, c);
}

void lm_attention_multiply_rows(const lm_compute *compute, const tile *t, int64_t d, bool first,
                                tile_operand p, const void *y, tile_sums c) {
    int64_t strip = strip_of(t, t->rows);
    tile_operand b = {y, d, 1};
    for (int64_t i = 0; i < t->rows; i += strip) {
        int64_t m = lm_min(strip, t->rows - i);
        run keys = keys_of(t, i, m);
        int64_t from = lm_attention_elements(compute, keys.from);
        int64_t until = lm_attention_elements(compute, keys.until);
        add_products(compute, m, d, until - from, operand_from(p, i, from),
                     operand_from(b, from, 0), first, lm_attention_sums_from(c, i));
    }
}

void lm_attention_multiply_columns(const lm_compute *compute, const tile *t, int64_t d, bool first,
                                   tile_operand p, const void *y, tile_sums c) {
    int64_t strip = strip_of(t, t->cols);
    tile_operand b = {y, d, 1};
    for (int64_t j = 0; j < t->cols; j += strip) {
        int64_t m = lm_min(strip, t->cols - j);
        run queries = queries_of(t, j);
        int64_t from = lm_attention_elements(compute, queries.from);
        int64_t until = lm_attention_elements(compute, queries.until);
        add_products(compute, m, d, until - from, operand_from(p, j, from),
                     operand_from(b, from, 0), first, lm_attention_sums_from(c, j));
    }
}

/* ---- outputs --------------------------------------------------------------------------------- */
tile_sums lm_attention_sums(lm_array out, int64_t out_row, int64_t d, float *room) {
    return out.type == LM_BF16 ? (tile_sums){room, d} : (tile_sums){out.at, out_row};
}

void lm_attention_store(const lm_compute *compute, int64_t rows, int64_t d, tile_sums sums,
                        lm_array out, int64_t out_row) {
    if (out.type == LM_BF16)
        compute->kernels->bf16_from_f32(rows, d, sums.at, sums.row, out.at, out_row);
    for (int64_t i = 0; i < rows && out.type == LM_FP32 && sums.at != out.at; i++)
        memcpy((float *)out.at + i * out_row, sums.at + i * sums.row, sizeof(float) * (size_t)d);
}
