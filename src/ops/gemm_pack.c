#include "ops/gemm_pack.h"

#include <string.h>

enum {
    PACK_PANELS = 4,  /* panels of B that a task packs, where it does not pack whole rows */
    WHOLE_TASKS = 8,  /* tasks of whole rows at least, so that the last ones are short */
    WIDE = 32,        /* columns of a panel, whole lines */
    WIDE_STEPS = 8,   /* of each before the next: memory is read nearly in order */
    FEW_COLUMNS = 16, /* a narrower panel uses a part of each line that it copies from */
};

gemm_scratch *lm_gemm_scratch_of(const gemm_job *j, int worker) {
    lm_arena scratch = lm_compute_scratch(j->compute, worker);
    return lm_arena_take(&scratch, sizeof(gemm_scratch));
}

bool lm_gemm_same_set(int64_t bytes) {
    bytes &= 4095;
    return bytes < 64 || bytes > 4096 - 64;
}

int64_t lm_gemm_copied_row(int64_t words) {
    int64_t row = lm_round_up(words, 16) + PAD;
    return lm_gemm_same_set(row * (int64_t)sizeof(float)) ? row + PAD : row;
}

/* ---- parts of k ------------------------------------------------------------------------------ */
int64_t lm_gemm_cut_k(gemm_job *j) {
    const lm_gemm *g = j->g;
    int64_t each = g->k_part > 0 ? g->k_part : g->k, first = g->k_first > 0 ? g->k_first : each;
    bool even = first % j->steps == 0 && each % j->steps == 0;
    if (even || first >= g->k) first = each = g->k;
    j->part = each;
    j->first_part = first;
    int64_t rest = g->k - first, elements = lm_divide_up(first, j->steps);
    if (rest > 0)
        elements +=
            rest / each * lm_divide_up(each, j->steps) + lm_divide_up(rest % each, j->steps);
    return elements;
}

/* Element e of k: its first step, and how many steps its part has from there on. */
typedef struct place {
    int64_t step, left;
} place;

static place place_of(const gemm_job *j, int64_t e) {
    int64_t first = lm_divide_up(j->first_part, j->steps), end = j->first_part, step;
    if (e < first) {
        step = e * j->steps;
    } else {
        int64_t each = lm_divide_up(j->part, j->steps), i = (e - first) / each;
        step = end + i * j->part + (e - first) % each * j->steps;
        end = lm_min(end + (i + 1) * j->part, j->g->k);
    }
    return (place){step, end - step};
}

/* ---- which form ------------------------------------------------------------------------------ */
static int64_t row_bytes(lm_array x, int64_t row) {
    return row * (int64_t)lm_array_element_bytes(x.type);
}

/* Whether every row of A can be read in place as pairs of bf16. */
static bool has_pairs(const lm_gemm *g) {
    return g->a.type == LM_BF16 && g->a_col == 1 && lm_bf16_is_pairs(g->a.at, g->a_row, g->k);
}

/* In place is best, as a tile's rows of A are short streams. A is moved where its rows collide in
 * the cache or use little of each line they touch, and n is large enough to repay that. */
static a_form form_of_a(const gemm_job *j) {
    const lm_gemm *g = j->g;
    if (j->steps == 2 && (g->a_col != 1 || j->first_part < g->k)) return A_PACKED;
    if (j->words == 2 || (j->steps == 2 && !has_pairs(g))) return A_COPIED;
    if (g->n <= 2 * j->nr) return A_IN_PLACE;
    if (g->a_col == 1) return lm_gemm_same_set(row_bytes(g->a, g->a_row)) ? A_COPIED : A_IN_PLACE;
    return g->a_row == 1 && j->mr >= 8 && g->n < 8 * j->nr ? A_IN_PLACE : A_PACKED;
}

void lm_gemm_choose_forms(gemm_job *j) {
    const lm_gemm *g = j->g;
    bool repays = g->m >= 256 || lm_gemm_same_set(row_bytes(g->b, g->b_row));
    j->a_form = form_of_a(j);
    j->pack_b = j->steps == 2 || g->b_col != 1 || (g->m > 4 * j->mr && repays);
}

/* ---- panels ---------------------------------------------------------------------------------- */
/* Lines of an operand (rows of A, columns of B) that become panels: `count` of them, line i at
 * x[i*line] for the first step of k, and its steps `step` apart. */
typedef struct operand_lines {
    lm_array x;
    int64_t count, line, step;
} operand_lines;

static operand_lines lines_from(operand_lines l, int64_t i, int64_t most) {
    l.x = lm_array_from(l.x, i * l.line);
    l.count = lm_min(l.count - i, most);
    return l;
}

/* Elements k0 .. k0+k of this block, of one panel: at most `width` lines. */
static void pack_panel(const gemm_job *j, int64_t k0, int64_t k, int64_t width, operand_lines l,
                       void *out) {
    const lm_kernels *kernel = j->compute->kernels;
    for (int64_t next, end = k0 + k; k0 < end; k0 = next) {
        place at = place_of(j, j->k0 + k0);
        next = lm_min(end, k0 + lm_divide_up(at.left, j->steps));
        int64_t steps = lm_min((next - k0) * j->steps, at.left); /* odd: half a pair is missing */
        lm_array x = lm_array_from(l.x, at.step * l.step);
        void *to = lm_gemm_word(out, k0 * j->words * width);
        lm_pack_panel(kernel, lm_gemm_element(j), l.count, width, steps, x, l.line, l.step, to);
    }
}

static int64_t steps_at_once(int64_t width) {
    return width >= WIDE ? WIDE_STEPS : LM_PACK_STEPS;
}

/* Elements k0..k1 of this block as panels of `width` lines. Where steps of k are far apart in
 * memory, all panels take a few elements before the next few: one panel alone would use little of
 * each page. */
static void pack_panels(const gemm_job *j, int64_t k0, int64_t k1, int64_t width, operand_lines l,
                        void *out) {
    int64_t chunk = l.line == 1 ? steps_at_once(width) : k1 - k0;
    bool whole = l.line == 1 && l.x.type == LM_FP32 && j->steps == 1 && width < FEW_COLUMNS;
    int64_t together = whole ? l.count / width : 0;
    for (int64_t next; k0 < k1; k0 = next) {
        next = lm_min(k0 + chunk, k1);
        if (together > 0)
            j->compute->kernels->pack_lines_f32(
                together, width, next - k0, lm_array_from(l.x, (j->k0 + k0) * l.step).at, l.step,
                lm_gemm_word(out, k0 * width), width * j->k);
        for (int64_t i = together * width; i < l.count; i += width)
            pack_panel(j, k0, next - k0, width, lines_from(l, i, width),
                       lm_gemm_word(out, i * j->words * j->k));
    }
}

/* ---- B --------------------------------------------------------------------------------------- */
/* They lie close together: no two in the same sets. */
void *lm_gemm_panel_of_b(const gemm_job *j, int64_t p) {
    int64_t each = j->share;
    return lm_gemm_scratch_of(j, (int)(p / each))->b + j->at_b +
           p % each * (j->k * j->words * j->nr);
}

/* Columns of panels p0..p1 of this block of B. */
static operand_lines lines_of_panels(const gemm_job *j, int64_t p0, int64_t p1) {
    const lm_gemm *g = j->g;
    return (operand_lines){.x = lm_array_from(g->b, (j->n0 + p0 * j->nr) * g->b_col),
                           .count = lm_min(j->n - p0 * j->nr, (p1 - p0) * j->nr),
                           .line = g->b_col,
                           .step = g->b_row};
}

void *lm_gemm_pack_own(const gemm_job *j, int worker, int64_t p0, int64_t p1) {
    float *out = lm_gemm_scratch_of(j, worker)->b;
    pack_panels(j, 0, j->k, j->nr, lines_of_panels(j, p0, p1), out);
    return out;
}

/* Tasks take whole rows of B where they are contiguous and long enough to be cut. Else a few panels
 * each; where these are few, they are cut along k too, so that all workers pack, each of many
 * workers twice. */
int64_t lm_gemm_cut_packing(gemm_job *j) {
    int64_t panels = lm_divide_up(j->n, j->nr), least = lm_gemm_least_tasks(j), parts;
    int64_t whole = lm_max(2 * j->workers, WHOLE_TASKS);
    j->pack_panels = PACK_PANELS;
    if (j->g->b_col == 1 && j->nr >= WIDE && j->k >= whole * LM_PACK_STEPS) {
        j->pack_panels = panels;
        parts = whole;
    } else {
        int64_t runs = lm_divide_up(panels, PACK_PANELS);
        parts = runs < least ? lm_divide_up(2 * j->workers, runs) : 1;
    }
    int64_t steps = parts == 1 ? lm_round_up(j->k, LM_PACK_STEPS)
                               : j->k / parts / LM_PACK_STEPS * LM_PACK_STEPS;
    j->pack_k = lm_max(steps, LM_PACK_STEPS);
    j->pack_parts = lm_max(lm_divide_up(j->k, j->pack_k), 1);
    return lm_divide_up(panels, j->pack_panels) * j->pack_parts;
}

/* A task packs a part of k of some panels, which may lie in several workers' scratch. */
void lm_gemm_pack_task(void *job, int64_t task, int worker) {
    (void)worker;
    const gemm_job *j = job;
    int64_t run = task / j->pack_parts, k0 = task % j->pack_parts * j->pack_k;
    int64_t k1 = lm_min(k0 + j->pack_k, j->k), each = j->share;
    int64_t begin = run * j->pack_panels;
    int64_t end = lm_min(begin + j->pack_panels, lm_divide_up(j->n, j->nr));
    for (int64_t p = begin, next; p < end; p = next) {
        next = lm_min(end, (p / each + 1) * each); /* the end of one worker's scratch */
        pack_panels(j, k0, k1, j->nr, lines_of_panels(j, p, next), lm_gemm_panel_of_b(j, p));
    }
}

/* ---- A --------------------------------------------------------------------------------------- */
/* One row of the block, as it lies. */
static void copy_row(const gemm_job *j, lm_array x, void *out) {
    const lm_kernels *kernels = j->compute->kernels;
    int64_t steps = lm_min(j->k * j->steps, j->g->k - j->k0 * j->steps);
    if (j->words == 2 && x.type == LM_BF16)
        kernels->wide_from_bf16(1, steps, x.at, steps, out, steps);
    else if (j->words == 2)
        kernels->wide_from_f32(1, steps, x.at, steps, out, steps);
    else if (x.type == LM_FP32 && j->steps == 2)
        kernels->bf16_from_f32(1, steps, x.at, steps, out, steps);
    else
        memcpy(out, x.at, lm_array_element_bytes(x.type) * (size_t)steps);
    if (j->words == 1 && steps < j->k * j->steps)
        ((lm_bf16 *)out)[steps] = 0; /* the other half of a pair */
}

rows_of_a lm_gemm_prepare_a(const gemm_job *j, int worker, int64_t m0, int64_t m, bool ready) {
    const lm_gemm *g = j->g;
    lm_array a = lm_array_from(g->a, m0 * g->a_row + j->k0 * j->steps * g->a_col);
    float *scratch = lm_gemm_scratch_of(j, worker)->a;
    operand_lines l = {
        .x = lm_array_from(g->a, m0 * g->a_row), .count = m, .line = g->a_row, .step = g->a_col};
    switch (j->a_form) {
    case A_COPIED:
        for (int64_t i = 0; i < m && !ready; i++)
            copy_row(j, lm_array_from(a, i * g->a_row), scratch + i * j->a_row);
        return (rows_of_a){scratch, j->a_row, j->a_row, 1};
    case A_PACKED:
        if (!ready) pack_panels(j, 0, j->k, j->mr, l, scratch);
        return (rows_of_a){scratch, j->k * j->words, 1, j->mr};
    case A_IN_PLACE:
        break;
    }
    int64_t row = g->a_row / j->steps; /* pairs run along k */
    return (rows_of_a){a.at, row, row, g->a_col};
}
