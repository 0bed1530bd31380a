#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "model/parts.h"
#include "nn/rope.h"
#include "ops/array.h"

/* Elements per task of filling or clearing: 256 kB. */
enum { CHUNK = 65536 };

static lm_status reserve_scratch(lm_compute *compute, size_t bytes, lm_error *err) {
    if (compute->scratch_per_worker >= bytes) return LM_OK; /* reserved for another model */
    lm_compute_free(compute);
    return lm_compute_reserve(compute, bytes, err);
}

/* What passes only read. */
static lm_status allocate_weights(lm_model *m, const lm_model_plan *plan, const lm_model *of,
                                  lm_error *err) {
    if (of) {
        m->beside = true;
        m->weights = of->weights;
        m->rounded = of->rounded;
        m->rounded_layers = m->o.n_layers;
        return LM_OK;
    }
    lm_status status = lm_arena_init(&m->weights, plan->weights, "weights", err);
    if (status != LM_OK) return status;
    lm_arena_floats(&m->weights, m->params.total);
    if (plan->rounded == 0) return LM_OK;
    return lm_arena_init(&m->rounded, plan->rounded, "rounded weights", err);
}

/* of: whose weights it has; NULL: it has its own. */
static lm_status allocate(lm_model *m, const lm_model_plan *plan, const lm_model *of,
                          lm_error *err) {
    bool training = m->use.windows > 0;
    int64_t total;
    lm_status status = LM_OK;
    m->n_rows = lm_model_params(&m->o, NULL, &total);
    m->rows = calloc((size_t)m->n_rows, sizeof *m->rows);
    if (!m->rows) return lm_error_no_memory(err, NULL);
    lm_model_params(&m->o, m->rows, &total);
    m->lines = calloc((size_t)m->n_rows, sizeof *m->lines);
    if (!m->lines) return lm_error_no_memory(err, NULL);
    if ((status = allocate_weights(m, plan, of, err)) != LM_OK) goto out;
    if (training &&
        (status = lm_arena_init(&m->gradients, plan->gradients, "gradients", err)) != LM_OK)
        goto out;
    if ((status = lm_arena_init(&m->activations, plan->activations, "activations", err)) != LM_OK)
        goto out;
    if (training) lm_gradients_take(m, &m->gradients);
    lm_buffers_take(&m->buffers, &m->activations);
    status = reserve_scratch(m->compute, lm_model_scratch_bytes(&m->o), err);
out:
    return status;
}

static void make_rope_table(lm_model *m) {
    const lm_model_options *o = &m->o;
    lm_rope_frequencies f = {.turned = lm_model_rope_size(o),
                             .theta = o->rope_theta,
                             .scaling = o->rope_scaling,
                             .factor = o->rope_factor,
                             .low = o->rope_low_freq_factor,
                             .high = o->rope_high_freq_factor,
                             .original_context = o->rope_original_context};
    lm_rope_table(&f, o->context_length, m->buffers.at[LM_B_COS], m->buffers.at[LM_B_SIN]);
}

static lm_status create(lm_model **model, const lm_model_options *o, const lm_model_use *use,
                        const lm_model *of, lm_compute *compute, lm_error *err) {
    lm_model_plan plan;
    *model = NULL;
    lm_model_plan_make(&plan, o, use, compute->precision, lm_pool_threads(compute->pool));
    if (plan.overflow)
        return lm_error_set(err, LM_ERR_USAGE,
                            "the model is too large: its sizes do not fit 64 bits");
    lm_model *m = calloc(1, sizeof *m);
    if (!m) return lm_error_no_memory(err, NULL);
    m->o = *o;
    m->window = o->window;
    m->multi_token = 1;
    m->use = *use;
    m->compute = compute;
    lm_param_layout_make(&m->params, o);
    lm_buffers_size(&m->buffers, o, use->batch,
                    use->windows > 0 ? LM_FOR_TRAINING : LM_FOR_EVALUATION, compute->precision);
    lm_buffers_share(&m->buffers, o, use, &m->params);
    m->gradients_begin = use->windows > 0;
    if (allocate(m, &plan, of, err) != LM_OK) {
        lm_model_free(m);
        return err->code;
    }
    if (o->position == LM_POSITION_ROPE) make_rope_table(m);
    *model = m;
    return LM_OK;
}

lm_status lm_model_create(lm_model **model, const lm_model_options *o, const lm_model_use *use,
                          lm_compute *compute, lm_error *err) {
    return create(model, o, use, NULL, compute, err);
}

lm_status lm_model_create_beside(lm_model **model, const lm_model *of, lm_compute *compute,
                                 lm_error *err) {
    LM_ASSERT(lm_pool_threads(compute->pool) == 1 && compute->precision == of->compute->precision);
    return create(model, &of->o, &of->use, of, compute, err);
}

void lm_model_free(lm_model *m) {
    if (!m) return;
    if (!m->beside) lm_arena_free(&m->weights);
    if (!m->beside) lm_arena_free(&m->rounded);
    lm_arena_free(&m->gradients);
    lm_arena_free(&m->activations);
    free(m->lines);
    free(m->rows);
    free(m);
}

typedef struct init_job {
    float *out;
    const lm_param *row;
    lm_rng rng;
} init_job;

static void init_task(void *argument, int64_t task, int worker) {
    const init_job *j = argument;
    int64_t end = lm_min(j->row->count, (task + 1) * CHUNK);
    (void)worker;
    for (int64_t i = task * CHUNK; i < end; i++)
        j->out[i] = j->row->init_std == 0
                        ? (float)j->row->init_value
                        : (float)(j->row->init_std * lm_rng_normal(&j->rng, (uint64_t)i));
}

void lm_model_init(lm_model *m, uint64_t seed) {
    float *weights = lm_model_weights(m);
    for (int64_t r = 0; r < m->n_rows; r++) {
        init_job j = {.out = weights + m->rows[r].offset,
                      .row = &m->rows[r],
                      .rng = {.seed = seed, .purpose = LM_RNG_INIT, .step = (uint32_t)r}};
        lm_pool_run(m->compute->pool, lm_divide_up(m->rows[r].count, CHUNK), init_task, &j);
    }
}

/* The first product overwrites the gradient of its matrix. Vectors, and an embedding that is
 * not the head too, are only ever added to: they must begin at zero. */
static bool begins_at_zero(const lm_model *m, const lm_param *row) {
    bool head = m->o.tie_embeddings && row->offset == m->params.offset[LM_P_WTE];
    if (row->role == LM_ROLE_TABLE) return false; /* begin_tables */
    return row->ndim < 2 || (row->role == LM_ROLE_EMBEDDING && !head);
}

typedef struct clear_job {
    float *x;
    int64_t count;
} clear_job;

static void clear_task(void *argument, int64_t task, int worker) {
    const clear_job *j = argument;
    int64_t n = lm_min(j->count - task * CHUNK, CHUNK);
    (void)worker;
    memset(j->x + task * CHUNK, 0, (size_t)n * sizeof *j->x);
}

static void clear(const lm_model *m, float *x, int64_t count) {
    clear_job j = {.x = x, .count = count};
    if (count <= CHUNK)
        clear_task(&j, 0, 0);
    else
        lm_pool_run(m->compute->pool, lm_divide_up(count, CHUNK), clear_task, &j);
}

void lm_model_set_others(lm_model *m, float *const *others, int n) {
    m->others = others;
    m->n_others = n;
}

static bool is_other(const lm_model *m, const float *gradients) {
    int i = 0;
    while (i < m->n_others && m->others[i] != gradients) i++;
    return i < m->n_others;
}

/* Tables begin at 0. Of the model's own gradients it is known which lines are not, and others have
 * no more than these since the own ones were begun. */
static void begin_tables(lm_model *m) {
    const bool own = m->gradients_at == lm_model_gradients(m);
    const bool known = own ? !m->all_lines : is_other(m, m->gradients_at);
    for (int64_t k = 0; k < m->o.ngram_tables.count; k++) {
        const lm_param_id id = (lm_param_id)(LM_P_NGRAM + k);
        lm_line_set *set = &m->table_lines[k];
        float *x = lm_param_at(m, m->gradients_at, id, 0);
        for (int i = 0; own && i < m->n_others; i++)
            lm_ngram_clear(m->compute, set, m->o.d_model, lm_param_at(m, m->others[i], id, 0));
        if (known)
            lm_ngram_clear(m->compute, set, m->o.d_model, x);
        else
            clear(m, x, set->lines * m->o.d_model);
        if (own) lm_line_set_clear(set);
    }
    if (own) m->all_lines = false;
}

/* Tables are the last rows. */
static void list_lines(lm_model *m) {
    lm_lines *at = m->lines + m->n_rows - m->o.ngram_tables.count;
    for (int64_t k = 0; k < m->o.ngram_tables.count; k++)
        at[k] = m->all_lines ? (lm_lines){0} : lm_line_set_list(&m->table_lines[k]);
}

const lm_lines *lm_model_lines(const lm_model *m) {
    return m->lines;
}

void lm_model_touch_all(lm_model *m) {
    m->all_lines = true;
    list_lines(m);
}

void lm_model_touch_lines(lm_model *m, const lm_lines *lists, int64_t n) {
    const int64_t tables = m->o.ngram_tables.count;
    for (int64_t l = 0; l < n * tables; l++)
        for (int64_t i = 0; i < lists[l].count; i++)
            lm_line_set_add(&m->table_lines[l % tables], lists[l].at[i]);
    list_lines(m);
}

void lm_model_begin_gradients(lm_model *m, float *gradients) {
    m->gradients_at = gradients ? gradients : lm_model_gradients(m);
    LM_ASSERT(m->gradients_at);
    begin_tables(m);
    lm_embedding_clear_rows(&m->embedding_rows);
    m->late_lines = false;
    for (int64_t i = 0; i < m->n_rows; i++)
        if (begins_at_zero(m, &m->rows[i]))
            clear(m, m->gradients_at + m->rows[i].offset, m->rows[i].count);
    m->gradients_begin = true;
}

void lm_model_clear_layer_gradients(lm_model *m, int64_t layer) {
    float *at = lm_model_lent(m) + layer * m->params.stride;
    float *end = at + m->params.stride;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const lm_param *row = &m->rows[i];
        float *matrix = m->gradients_at + row->offset;
        if (matrix < at || matrix >= end || begins_at_zero(m, row)) continue;
        memset(at, 0, (size_t)(matrix - at) * sizeof *at);
        at = matrix + row->count;
    }
    memset(at, 0, (size_t)(end - at) * sizeof *at);
}

void lm_model_end_gradients(lm_model *m) {
    LM_ASSERT(m->gradients_at);
    if (m->o.tie_embeddings && !m->late_lines)
        lm_embedding_add_rows(m->compute, &m->embedding_rows,
                              lm_param_at(m, m->gradients_at, LM_P_WTE, 0));
    list_lines(m);
}

/* bf16 copies of the weights of these layers. */
static void round_layers(lm_model *m, int64_t first, int64_t count) {
    const int64_t at = first * m->params.stride;
    lm_array to = lm_array_bf16((lm_bf16 *)(void *)m->rounded.base);
    lm_array_operand(m->compute, m->params.stride * count,
                     lm_model_weights(m) + lm_param_layers_begin(m) + at, lm_array_from(to, at));
    m->rounded_layers = first + count;
}

void lm_model_round_layer(lm_model *m, int64_t layer) {
    if (m->rounded.base && layer >= m->rounded_layers) round_layers(m, layer, 1);
}

void lm_model_begin_step(lm_model *m) {
    m->rounded_layers = 0;
    if (m->rounded.base && !(m->watch && m->watch->reads)) round_layers(m, 0, m->o.n_layers);
}

int64_t lm_model_spans(const lm_model_options *o, lm_span *spans) {
    lm_param_layout p;
    const bool fits = lm_param_layout_make(&p, o);
    const int64_t layers = p.offset[LM_P_LN_1_WEIGHT], first = lm_param_first_spans(&p);
    const int64_t tokens = lm_min(
        lm_round_up(o->vocab_size * o->d_model, LM_ALIGNMENT / (int64_t)sizeof(float)), layers);
    int64_t n = 0;
    LM_ASSERT(fits);
    if (!spans) return first + o->n_layers + 1;
    if (p.aside < p.total) spans[n++] = (lm_span){p.aside, p.dense};
    spans[n++] = (lm_span){0, tokens};
    spans[n++] = (lm_span){tokens, layers};
    for (int64_t i = 0; i < o->n_layers; i++)
        spans[n++] = (lm_span){layers + i * p.stride, layers + (i + 1) * p.stride};
    spans[n++] = (lm_span){layers + o->n_layers * p.stride, p.aside};
    return n;
}

int64_t lm_model_tied_span(const lm_model_options *o) {
    return o->tie_embeddings ? lm_model_spans(o, NULL) - o->n_layers - 3 : -1;
}

int64_t lm_model_late_lines(const lm_model *m, int32_t *lines) {
    if (lines) lm_embedding_list(&m->embedding_rows, lines);
    return m->embedding_rows.count;
}

const float *lm_model_late_line(const lm_model *m, int32_t line) {
    const lm_embedding_rows *r = &m->embedding_rows;
    LM_ASSERT(m->late_lines && r->row_of[line] > 0);
    return r->sums + (r->row_of[line] - 1) * r->channels;
}

void lm_model_set_watch(lm_model *m, const lm_model_watch *watch) {
    m->watch = watch;
}

void lm_model_set_window(lm_model *m, int64_t window) {
    m->window = window;
}

void lm_model_set_multi_token(lm_model *m, double share) {
    m->multi_token = share;
}

void lm_model_set_tokens_behind(lm_model *m, const int32_t *tokens) {
    m->tokens_behind = tokens;
}

const lm_model_options *lm_model_get_options(const lm_model *m) {
    return &m->o;
}
const lm_param *lm_model_rows(const lm_model *m, int64_t *count) {
    *count = m->n_rows;
    return m->rows;
}
float *lm_model_weights(lm_model *m) {
    return (float *)(void *)m->weights.base;
}
float *lm_model_gradients(lm_model *m) {
    return (float *)(void *)m->gradients.base;
}
int64_t lm_model_total(const lm_model *m) {
    return m->params.total;
}
int64_t lm_model_dense(const lm_model *m) {
    return m->params.dense;
}
