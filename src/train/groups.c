#include "train/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "checkpoint/together.h"

/* Values of rows that no group of the config matches; group i has OWN + 2 i and the next. */
enum {
    DECAYED, /* matrices and embeddings */
    PLAIN,   /* norms and biases: no weight decay */
    TABLES,  /* n-gram tables: lazy AdamW without weight decay, whatever the optimizer is */
    OWN
};

static int find_optimizer(const char *name) {
    int kind = 0;
    while (strcmp(lm_optimizer_name(kind), name) != 0) kind++;
    return kind;
}

static void make_options(lm_groups *g, const lm_config *c) {
    g->options[DECAYED] = g->options[PLAIN] = g->options[TABLES] = c->optimizer;
    g->options[PLAIN].weight_decay = g->options[TABLES].weight_decay = 0;
    g->options[TABLES].kind = find_optimizer("adamw");
    g->options[TABLES].lazy = true;
    for (int64_t i = 0; i < c->groups.count; i++) {
        lm_optimizer_options *own = &g->options[OWN + 2 * i];
        own[DECAYED] = own[PLAIN] = lm_group_options(c, i);
        if (!lm_group_gives_decay(&c->groups.items[i])) own[PLAIN].weight_decay = 0;
    }
}

/* The first group that matches one of the names; -1: none does. */
static int64_t find_group(const lm_config *c, const char *const names[], int n) {
    for (int64_t i = 0; i < c->groups.count; i++)
        for (int k = 0; k < n; k++)
            if (lm_group_matches(c->groups.items[i].match, names[k])) return i;
    return -1;
}

static int options_of(const lm_param *p, int64_t group) {
    if (group < 0 && p->role == LM_ROLE_TABLE) return TABLES;
    return (group < 0 ? 0 : OWN + 2 * (int)group) + (p->decay ? DECAYED : PLAIN);
}

/* Parts of a row: queries, keys, values. A head with another group than the one before it begins a
 * part of its own. Returns how many there are. */
static int64_t make_parts(lm_optimizer_part *parts, const lm_config *c, const lm_param *p) {
    char part[LM_PARAM_NAME_SIZE], head[LM_PARAM_NAME_SIZE];
    int64_t n = 0;
    for (int i = 0; i < p->n_parts; i++) {
        int64_t size = p->parts[i].head, begin = n;
        lm_param_part_name(p, i, -1, part);
        for (int64_t h = 0; h < p->parts[i].lines / size; h++) {
            lm_param_part_name(p, i, h, head);
            const char *const names[] = {p->name, part, head};
            int group = options_of(p, find_group(c, names, 3));
            if (n > begin && parts[n - 1].group == group)
                parts[n - 1].lines += size;
            else
                parts[n++] = (lm_optimizer_part){
                    .lines = size, .head = p->parts[i].scores ? size : 0, .group = group};
        }
    }
    return n;
}

static void make_row(lm_optimizer_row *row, lm_optimizer_factors *factors, lm_optimizer_part *parts,
                     const lm_config *c, const lm_param *p) {
    const char *const names[] = {p->name};
    *factors = (lm_optimizer_factors){.lr = p->factors.lr,
                                      .lr_gradient = p->factors.lr_gradient,
                                      .lr_polar = p->factors.lr_polar,
                                      .lr_rms = p->factors.lr_rms,
                                      .eps = p->factors.eps};
    *row = (lm_optimizer_row){.name = p->name,
                              .ndim = p->ndim,
                              .shape = {p->shape[0], p->shape[1]},
                              .offset = p->offset,
                              .hidden = p->role == LM_ROLE_HIDDEN,
                              .factors = factors,
                              .group = options_of(p, find_group(c, names, 1)),
                              .n_parts = make_parts(parts, c, p),
                              .parts = parts};
}

static int64_t count_heads(const lm_param *p) {
    int64_t n = 0;
    for (int i = 0; i < p->n_parts; i++) n += p->parts[i].lines / p->parts[i].head;
    return n;
}

/* Tables are the last rows. */
static void choose_gaps(lm_groups *g, const lm_config *c, const lm_param *params) {
    int64_t first = g->n_rows, gaps = 0;
    if (!lm_config_averages(c)) return;
    for (; first > 0 && params[first - 1].role == LM_ROLE_TABLE; first--)
        if (!lm_optimizer_skips(g->options, &g->rows[first - 1])) return;
    for (int64_t i = first; i < g->n_rows; i++) {
        g->rows[i].gap = true;
        gaps += (int64_t)(lm_size_align((size_t)params[i].count * sizeof(float)) / sizeof(float));
    }
    g->gaps = gaps;
}

lm_status lm_groups_make(lm_groups *g, const lm_config *c, const lm_param *params, int64_t n,
                         lm_error *err) {
    int64_t heads = 0;
    *g = (lm_groups){.count = OWN + 2 * (int)c->groups.count, .n_rows = n};
    for (int64_t i = 0; i < n; i++) heads += count_heads(&params[i]);
    g->options = calloc((size_t)g->count, sizeof *g->options);
    g->rows = calloc((size_t)n + 1, sizeof *g->rows);
    g->parts = calloc((size_t)heads + 1, sizeof *g->parts);
    g->factors = calloc((size_t)n + 1, sizeof *g->factors);
    if (!g->options || !g->rows || !g->parts || !g->factors) {
        lm_groups_free(g);
        return lm_error_no_memory(err, NULL);
    }
    make_options(g, c);
    lm_optimizer_part *next = g->parts;
    for (int64_t i = 0; i < n; i++) {
        make_row(&g->rows[i], &g->factors[i], next, c, &params[i]);
        next += g->rows[i].n_parts;
    }
    choose_gaps(g, c, params);
    return LM_OK;
}

void lm_groups_free(lm_groups *g) {
    free(g->options);
    free(g->rows);
    free(g->parts);
    free(g->factors);
    *g = (lm_groups){0};
}

/* ---- patterns that match nothing --------------------------------------------------------------*/

/* Names that patterns may match: those of rows and of their parts, of one layer. */
static void put_names(const lm_config *c, lm_text *out) {
    lm_model_options o = c->model;
    char name[LM_PARAM_NAME_SIZE];
    int64_t total;
    o.n_layers = 1;
    int64_t n = lm_model_params(&o, NULL, &total);
    lm_param *params = total < 0 ? NULL : calloc((size_t)n + 1, sizeof *params);
    if (params) lm_model_params(&o, params, &total);
    for (int64_t i = 0; params && i < n; i++) {
        const char *rest = strncmp(params[i].name, "h.0.", 4) == 0 ? params[i].name + 4 : NULL;
        lm_text_printf(out, "%s%s%s", i > 0 ? ", " : "", rest ? "h.*." : "",
                       rest ? rest : params[i].name);
        for (int p = 0; p < params[i].n_parts; p++) {
            lm_param_part_name(&params[i], p, -1, name);
            lm_text_printf(out, ", h.*.%s", name + 4);
        }
    }
    out->failed |= !params;
    free(params);
}

/* Does the pattern, one of those of a group, match a row, a part or a head? */
static bool matches_any(const char *pattern, const lm_param *params, int64_t n) {
    char name[LM_PARAM_NAME_SIZE];
    for (int64_t i = 0; i < n; i++) {
        if (lm_group_matches(pattern, params[i].name)) return true;
        for (int p = 0; p < params[i].n_parts; p++)
            for (int64_t h = -1; h < params[i].parts[p].lines / params[i].parts[p].head; h++) {
                lm_param_part_name(&params[i], p, h, name);
                if (lm_group_matches(pattern, name)) return true;
            }
    }
    return false;
}

static lm_status refuse_pattern(const lm_config *c, const lm_group *g, const char *pattern,
                                lm_error *err) {
    lm_text names = {0};
    put_names(c, &names);
    lm_status status =
        names.failed
            ? lm_error_no_memory(err, NULL)
            : lm_error_set(err, LM_ERR_USAGE,
                           "optimizer.groups.%s.match: expected a pattern that matches an array of"
                           " the model, found \"%s\". The arrays are %-s, and heads"
                           " h.*.attn.qkv.q.0.weight",
                           g->name, pattern, lm_text_cstr(&names));
    lm_text_free(&names);
    return status;
}

/* Parameters that group i of the config has. */
static int64_t count_of(const lm_groups *g, int64_t i) {
    int64_t sum = 0;
    for (const lm_optimizer_row *r = g->rows; r < g->rows + g->n_rows; r++) {
        if (r->n_parts == 0 && r->group >= OWN && (r->group - OWN) / 2 == i)
            sum += r->shape[0] * r->shape[1];
        for (const lm_optimizer_part *p = r->parts; p < r->parts + r->n_parts; p++)
            if (p->group >= OWN && (p->group - OWN) / 2 == i) sum += p->lines * r->shape[1];
    }
    return sum;
}

/* Each pattern of each group must match something, and each group must get something. */
static lm_status check_patterns(const lm_groups *g, const lm_config *c, const lm_param *params,
                                lm_error *err) {
    for (int64_t i = 0; i < c->groups.count; i++) {
        const lm_group *own = &c->groups.items[i];
        char pattern[LM_GROUP_MATCH_MOST + 1];
        for (const char *at = own->match; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
            snprintf(pattern, sizeof pattern, "%.*s", (int)strcspn(at, ","), at);
            if (!matches_any(pattern, params, g->n_rows))
                return refuse_pattern(c, own, pattern, err);
        }
        if (count_of(g, i) == 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "optimizer.groups.%s.match: every array that \"%s\" matches"
                                " belongs to a group before it",
                                own->name, own->match);
    }
    return LM_OK;
}

/* ---- the plan ---------------------------------------------------------------------------------*/

/* Those of a model of so many layers. */
static lm_status plan_layers(lm_groups_plan *p, const lm_config *c, int64_t n_layers, int threads,
                             lm_error *err) {
    lm_model_options o = c->model;
    lm_groups g = {0};
    int64_t total;
    o.n_layers = n_layers;
    int64_t n = lm_model_params(&o, NULL, &total);
    *p = (lm_groups_plan){.fits = total >= 0};
    if (!p->fits) return LM_OK;
    lm_param *params = calloc((size_t)n + 1, sizeof *params);
    if (!params) return lm_error_no_memory(err, NULL);
    lm_model_params(&o, params, &total);
    lm_status status = lm_groups_make(&g, c, params, n, err);
    if (status == LM_OK) status = check_patterns(&g, c, params, err);
    if (status == LM_OK) {
        p->fits = lm_optimizer_bytes(g.options, g.rows, n, &p->bytes) &&
                  lm_optimizer_work_of(g.options, g.rows, n, threads,
                                       (lm_precision)c->train.precision, &p->work);
        p->arrays = n + lm_optimizer_array_count(g.options, g.rows, n);
        p->gaps = g.gaps;
    }
    lm_groups_free(&g);
    free(params);
    return status;
}

/* Layers are alike: models of one and of two give what all of them need. With groups they need not
 * be. */
lm_status lm_groups_plan_make(lm_groups_plan *p, const lm_config *c, int threads, lm_error *err) {
    lm_groups_plan two;
    int64_t layers = c->model.n_layers - 1;
    uint64_t bytes;
    if (c->groups.count > 0) return plan_layers(p, c, c->model.n_layers, threads, err);
    lm_status status = plan_layers(p, c, 1, threads, err);
    if (status != LM_OK || !p->fits) return status;
    status = plan_layers(&two, c, 2, threads, err);
    p->work.flops += (two.work.flops - p->work.flops) * (double)layers;
    p->fits = status == LM_OK && two.fits &&
              lm_u64_mul(two.bytes - p->bytes, (uint64_t)layers, &bytes) &&
              lm_u64_add(p->bytes, bytes, &p->bytes) &&
              lm_count_mul(two.arrays - p->arrays, layers, &layers) &&
              lm_count_add(p->arrays, layers, &p->arrays);
    return status;
}

/* Of rows that are shared out. */
static uint64_t longest_state(const lm_groups *g, int64_t shared) {
    uint64_t most = 0;
    for (int64_t i = 0; i < g->n_rows && g->rows[i].offset < shared; i++) {
        uint64_t bytes = (uint64_t)(g->rows[i].shape[0] * g->rows[i].shape[1]) * sizeof(float);
        most = bytes > most ? bytes : most;
    }
    return lm_size_align(most);
}

/* Elements of a slice. */
static int64_t count_shares(const lm_span *shares, int64_t n) {
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum += shares[i].end - shares[i].first;
    return sum;
}

lm_status lm_groups_slice_make(lm_groups_slice *s, const lm_config *c, int ranks, int rank,
                               lm_error *err) {
    int64_t total, n = lm_model_params(&c->model, NULL, &total);
    const int64_t n_spans = lm_model_spans(&c->model, NULL);
    lm_groups g = {0};
    lm_param *params = calloc((size_t)n + 1, sizeof *params);
    lm_span *spans = calloc((size_t)n_spans, sizeof *spans);
    lm_span *shares = calloc((size_t)(ranks * n_spans), sizeof *shares);
    *s = (lm_groups_slice){0};
    lm_status status = params && spans && shares ? LM_OK : lm_error_no_memory(err, NULL);
    if (status != LM_OK) goto out;
    lm_model_params(&c->model, params, &total);
    lm_model_spans(&c->model, spans);
    if ((status = lm_groups_make(&g, c, params, n, err)) != LM_OK) goto out;
    for (int64_t i = n; i > 0 && params[i - 1].role == LM_ROLE_TABLE; i--)
        total = params[i - 1].offset;
    lm_optimizer_cut(g.options, g.rows, n, spans, n_spans, ranks, shares);
    lm_optimizer_slice slice = {shares + rank * n_spans, n_spans, total};
    bool fits = lm_optimizer_slice_bytes(g.options, g.rows, n, &slice, &s->bytes);
    LM_ASSERT(fits); /* all of it does */
    slice.whole = 0;
    (void)lm_optimizer_slice_bytes(g.options, g.rows, n, &slice, &s->cut);
    s->longest_state = longest_state(&g, total);
    for (int r = 0; r < ranks; r++)
        s->longest = lm_max(s->longest, count_shares(shares + r * n_spans, n_spans));
    for (int64_t i = 0; i < n_spans; i++)
        s->ends += lm_min(spans[i].end - spans[i].first, LM_CHECKPOINT_PIECE);
out:
    lm_groups_free(&g);
    free(params);
    free(spans);
    free(shares);
    return status;
}

void lm_groups_print(const lm_config *c, lm_text *out) {
    int64_t total, n = lm_model_params(&c->model, NULL, &total);
    char count[32];
    lm_groups g = {0};
    lm_error aside;
    lm_param *params =
        c->groups.count > 0 && total >= 0 ? calloc((size_t)n + 1, sizeof *params) : NULL;
    if (!params) return;
    lm_model_params(&c->model, params, &total);
    if (lm_groups_make(&g, c, params, n, &aside) == LM_OK) {
        for (int64_t i = 0; i < c->groups.count; i++) {
            lm_text_say(out, "%-9s %s: %s parameters, ", i == 0 ? "groups" : "",
                        c->groups.items[i].name,
                        lm_text_count(count, sizeof count, (double)count_of(&g, i)));
            lm_group_print(&c->groups.items[i], out);
            lm_text_printf(out, "\n");
        }
    }
    lm_groups_free(&g);
    free(params);
}
