#include "cli/eval_choices.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/numbers.h"
#include "model/generate.h"
#include "tokenizer/encoding.h"

enum {
    ROWS = 512,     /* tokens that the model computes at a time */
    SEQUENCES = 96, /* choices at a time, unless their caches take more than MOST_CACHE */
};
#define MOST_CACHE ((int64_t)1 << 29) /* bytes */

/* One text: a context and a choice, or a context alone. */
typedef struct encoded {
    lm_token_list ids;
    int64_t first; /* the choice begins here */
} encoded;

/* A question as tokens. */
typedef struct question {
    const encoded *texts; /* [n] */
    int64_t n, dropped;   /* tokens to leave out on the left */
    int64_t shared;       /* tokens behind those that all begin with, and compute once */
} question;

typedef struct job {
    const lm_eval_choices *e;
    const lm_choices *choices;
    lm_eval_choices_result *result;
    encoded *texts; /* of all questions: the context, then each choice behind it */
    int64_t n_texts;
    lm_decoder *decoder;
    int64_t sequences;
    lm_decoder_row *rows; /* [most_rows] at hand */
    float *losses;        /* [most_rows] theirs */
    int64_t n_rows, most_rows;
    double *sums; /* [sequences]: minus log p of the choice in each */
    lm_error *err;
} job;

/* ---- tokens -----------------------------------------------------------------------------------*/

static bool is_space(char c) {
    return c && strchr(" \t\r\n\v\f", c);
}

static lm_status take_ids(void *to, const int32_t *ids, int64_t n, lm_error *err) {
    lm_token_list *list = to;
    lm_status status = lm_token_list_reserve(list, (size_t)n, err);
    if (status != LM_OK) return status;
    memcpy(list->ids + list->count, ids, (size_t)n * sizeof *ids);
    list->count += n;
    return LM_OK;
}

static const char *join_of(const job *j, const char *context, size_t n, const char *choice) {
    if (j->e->join) return j->e->join;
    return n == 0 || is_space(context[n - 1]) || is_space(*choice) ? "" : " ";
}

/* The texts of a question: its context without white space at the end, then with each choice. */
static lm_status encode_item(job *j, lm_encoding *e, int64_t item) {
    const char *context = lm_choices_context(j->choices, item);
    size_t size = strlen(context), bare = size;
    while (bare > 0 && is_space(context[bare - 1])) bare--;
    encoded *t = &j->texts[j->n_texts++];
    lm_status status = lm_encoding_begin(e, &t->ids, j->e->begin, j->err);
    if (status == LM_OK) status = lm_encoding_put(e, context, bare, j->err);
    for (int i = 0; i < j->choices->items[item].n && status == LM_OK; i++) {
        const char *choice = lm_choices_choice(j->choices, item, i);
        const char *join = join_of(j, context, size, choice);
        t = &j->texts[j->n_texts++];
        status = lm_encoding_begin(e, &t->ids, j->e->begin, j->err);
        if (status == LM_OK) status = lm_encoding_put(e, context, size, j->err);
        if (status == LM_OK) status = lm_encoding_put(e, join, strlen(join), j->err);
        if (status == LM_OK) status = lm_encoding_put(e, choice, strlen(choice), j->err);
    }
    return status;
}

static lm_status encode_all(job *j) {
    lm_encoding *e;
    lm_status status = lm_encoding_open(&e, j->e->tokenizer, j->e->pool, take_ids, j->err);
    for (int64_t i = 0; i < j->choices->n_items && status == LM_OK; i++)
        status = encode_item(j, e, i);
    if (status == LM_OK) status = lm_encoding_finish(e, j->err);
    lm_encoding_close(e);
    return status;
}

static lm_status check_ids(const job *j) {
    const int64_t vocab = lm_model_get_options(j->e->model)->vocab_size;
    for (int64_t i = 0; i < j->n_texts; i++)
        for (int64_t k = 0; k < j->texts[i].ids.count; k++)
            if (j->texts[i].ids.ids[k] >= vocab)
                return lm_error_set(j->err, LM_ERR_USAGE,
                                    "token %d is outside the model's vocabulary of %lld",
                                    (int)j->texts[i].ids.ids[k], (long long)vocab);
    return LM_OK;
}

static int64_t common(const lm_token_list *a, const lm_token_list *b) {
    int64_t i = 0, n = lm_min(a->count, b->count);
    while (i < n && a->ids[i] == b->ids[i]) i++;
    return i;
}

/* Where the choices of a question begin; *longest: tokens that its longest text takes. */
static lm_status find_question(job *j, int64_t item, encoded *texts, question *q) {
    const int64_t context = lm_model_get_options(j->e->model)->context_length;
    int64_t longest = 0;
    *q = (question){.texts = texts + 1, .n = j->choices->items[item].n, .shared = INT64_MAX};
    for (int64_t i = 1; i <= q->n; i++) {
        encoded *t = &texts[i];
        /* Nothing predicts the very first token. */
        t->first = lm_max(lm_min(common(&texts[0].ids, &t->ids), t->ids.count - 1), 1);
        if (t->ids.count < 2)
            return lm_error_set(j->err, LM_ERR_USAGE,
                                "line %lld: a choice of one token, in front of which"
                                " nothing stands",
                                (long long)j->choices->items[item].line);
        longest = lm_max(longest, t->ids.count);
        q->shared = lm_min(q->shared, t->first - 1);
    }
    q->dropped = lm_max(longest - (context + 1), 0);
    if (q->dropped > q->shared)
        return lm_error_set(j->err, LM_ERR_USAGE,
                            "line %lld: a choice of %lld tokens does not fit the model's context of"
                            " %lld tokens",
                            (long long)j->choices->items[item].line,
                            (long long)(longest - q->shared), (long long)context);
    q->shared -= q->dropped;
    j->result->cut += q->dropped > 0;
    return LM_OK;
}

/* ---- computing --------------------------------------------------------------------------------*/

/* Tokens `from` to `to` of a text, each with the one behind it. */
static void add_rows(job *j, const question *q, int64_t text, int64_t sequence, int64_t from,
                     int64_t to) {
    const int32_t *ids = q->texts[text].ids.ids + q->dropped;
    for (int64_t i = from; i < to; i++)
        j->rows[j->n_rows++] =
            (lm_decoder_row){.sequence = (int32_t)sequence, .token = ids[i], .target = ids[i + 1]};
}

/* Rows of the choice's own: those of its text but for what is shared, and the last token. */
static int64_t text_rows(const question *q, int64_t text) {
    return q->texts[text].ids.count - q->dropped - 1;
}

/* Questions that are computed at once, each choice in a sequence: their sums. */
static void compute(job *j, const question *questions, int64_t n) {
    int64_t sequence = 0;
    j->n_rows = 0;
    for (int64_t i = 0; i < n; sequence += questions[i++].n)
        add_rows(j, &questions[i], 0, sequence, 0, questions[i].shared);
    lm_decoder_score(j->decoder, j->rows, j->n_rows, NULL);
    j->n_rows = sequence = 0;
    for (int64_t i = 0; i < n; sequence += questions[i++].n)
        for (int64_t k = 0; k < questions[i].n; k++) {
            const question *q = &questions[i];
            lm_decoder_copy(j->decoder, sequence, sequence + k);
            add_rows(j, q, k, sequence + k, q->shared, text_rows(q, k));
        }
    lm_decoder_score(j->decoder, j->rows, j->n_rows, j->losses);
    const float *loss = j->losses;
    sequence = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < questions[i].n; k++, sequence++) {
            const question *q = &questions[i];
            int64_t first = q->texts[k].first - q->dropped - 1;
            j->sums[sequence] = 0;
            for (int64_t t = q->shared; t < text_rows(q, k); t++, loss++)
                if (t >= first) j->sums[sequence] += (double)*loss;
            lm_decoder_clear(j->decoder, sequence);
        }
    j->result->tokens += j->n_rows;
}

/* ---- judging ----------------------------------------------------------------------------------*/

static int64_t choice_tokens(const question *q, int64_t k) {
    return q->texts[k].ids.count - q->texts[k].first;
}

static void put_each(const job *j, int64_t item, const question *q, const double *sums) {
    lm_json_writer w = {.out = j->e->each};
    lm_json_object(&w, NULL, LM_JSON_LINE);
    lm_json_integer(&w, "line", j->choices->items[item].line);
    lm_json_integer(&w, "label", j->choices->items[item].label);
    lm_json_array(&w, "log_likelihoods", LM_JSON_LINE);
    for (int64_t k = 0; k < q->n; k++) lm_json_number(&w, NULL, -sums[k]);
    lm_json_end(&w);
    lm_json_array(&w, "bytes", LM_JSON_LINE);
    for (int k = 0; k < (int)q->n; k++)
        lm_json_integer(&w, NULL, (int64_t)strlen(lm_choices_choice(j->choices, item, k)));
    lm_json_end(&w);
    lm_json_array(&w, "tokens", LM_JSON_LINE);
    for (int64_t k = 0; k < q->n; k++) lm_json_integer(&w, NULL, choice_tokens(q, k));
    lm_json_end(&w);
    lm_json_end(&w);
    lm_text_append(j->e->each, "\n", 1);
}

/* Of equally good choices the first counts. */
static void judge(job *j, int64_t item, const question *q, const double *sums) {
    int best[LM_CHOICES_SCORES] = {0};
    double least[LM_CHOICES_SCORES] = {0};
    for (int k = 0; k < (int)q->n; k++) {
        size_t bytes = strlen(lm_choices_choice(j->choices, item, k));
        const double scores[LM_CHOICES_SCORES] = {[LM_CHOICES_PLAIN] = sums[k],
                                                  [LM_CHOICES_BYTES] = sums[k] / (double)bytes,
                                                  [LM_CHOICES_TOKENS] =
                                                      sums[k] / (double)choice_tokens(q, k)};
        for (int s = 0; s < LM_CHOICES_SCORES; s++) {
            if (k > 0 && !(scores[s] < least[s])) continue;
            best[s] = k;
            least[s] = scores[s];
        }
    }
    for (int s = 0; s < LM_CHOICES_SCORES; s++)
        j->result->right[s] += best[s] == j->choices->items[item].label;
    j->result->items++;
    j->result->choices += q->n;
    j->result->chance += 1 / (double)q->n;
    if (j->e->each) put_each(j, item, q, sums);
}

/* ---- all of it --------------------------------------------------------------------------------*/

static lm_status make_room(job *j, const question *questions) {
    const lm_model_options *o = lm_model_get_options(j->e->model);
    int64_t longest = 1, most = 2;
    for (int64_t i = 0; i < j->choices->n_items; i++) {
        most = lm_max(most, questions[i].n);
        for (int64_t k = 0; k < questions[i].n; k++)
            longest = lm_max(longest, text_rows(&questions[i], k));
    }
    const int64_t head = o->head_dim > 0 ? o->head_dim : o->d_model / o->n_heads;
    const int64_t cache = 2 * o->n_layers * o->n_kv_heads * head * longest * (int64_t)sizeof(float);
    j->sequences = lm_max(most, lm_min(SEQUENCES, MOST_CACHE / cache));
    j->most_rows = j->sequences * longest;
    j->rows = calloc((size_t)j->most_rows, sizeof *j->rows);
    j->losses = calloc((size_t)j->most_rows, sizeof *j->losses);
    j->sums = calloc((size_t)j->sequences, sizeof *j->sums);
    if (!j->rows || !j->losses || !j->sums) return lm_error_no_memory(j->err, "--choices");
    const lm_decoder_options how = {
        .sequences = j->sequences, .capacity = longest, .rows = ROWS, .scores = true};
    return lm_decoder_create(&j->decoder, j->e->model, &how, j->err);
}

static void compute_all(job *j, const question *questions) {
    for (int64_t i = 0, n; i < j->choices->n_items; i += n) {
        int64_t sequences = 0;
        for (n = 0; i + n < j->choices->n_items; n++) {
            if (sequences + questions[i + n].n > j->sequences) break;
            sequences += questions[i + n].n;
        }
        compute(j, questions + i, n);
        const double *sums = j->sums;
        for (int64_t k = i; k < i + n; sums += questions[k++].n) judge(j, k, &questions[k], sums);
    }
}

lm_status lm_eval_choices_run(const lm_eval_choices *e, const lm_choices *choices,
                              lm_eval_choices_result *result, lm_error *err) {
    job j = {.e = e, .choices = choices, .result = result, .err = err};
    question *questions = calloc((size_t)choices->n_items, sizeof *questions);
    *result = (lm_eval_choices_result){0};
    j.texts = calloc((size_t)(choices->n_items + choices->n_places), sizeof *j.texts);
    lm_status status = questions && j.texts ? LM_OK : lm_error_no_memory(err, "--choices");
    if (status == LM_OK) status = encode_all(&j);
    if (status == LM_OK) status = check_ids(&j);
    encoded *texts = j.texts;
    for (int64_t i = 0; i < choices->n_items && status == LM_OK; i++) {
        status = find_question(&j, i, texts, &questions[i]);
        texts += choices->items[i].n + 1;
    }
    if (status == LM_OK) status = make_room(&j, questions);
    if (status != LM_OK) goto out;
    compute_all(&j, questions);
    result->chance /= (double)result->items;
    if (e->each && e->each->failed) status = lm_error_no_memory(err, "--each");
out:
    lm_decoder_free(j.decoder);
    for (int64_t i = 0; i < j.n_texts; i++) lm_token_list_free(&j.texts[i].ids);
    free(j.texts);
    free(j.rows);
    free(j.losses);
    free(j.sums);
    free(questions);
    return status;
}
