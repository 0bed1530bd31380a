#include "train/state.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define FORMAT "lmtrain checkpoint"

/* ---- meta.json ---------------------------------------------------------------------------------*/

static void put_number(lm_text *out, const char *key, double x) {
    lm_text_printf(out, "  \"%s\": ", key);
    lm_text_json_number(out, x);
    lm_text_append(out, ",\n", 2);
}

void lm_run_state_print(const lm_run_state *s, const lm_config *config, lm_text *out) {
    lm_text_printf(out, "{\n  \"format\": \"%s\",\n  \"version\": 1,\n", FORMAT);
    lm_text_printf(out, "  \"lmtrain\": \"%s\",\n", LM_VERSION);
    put_number(out, "step", (double)s->step);
    put_number(out, "tokens", (double)s->tokens);
    put_number(out, "samples", (double)s->samples);
    put_number(out, "parameters", (double)s->parameters);
    put_number(out, "train_loss", s->train_loss);
    put_number(out, "val_loss", s->val_loss);
    put_number(out, "val_step", (double)s->val_step);
    put_number(out, "best_val_loss", s->best_val_loss);
    put_number(out, "best_val_step", (double)s->best_val_step);
    lm_text_printf(out, "  \"tokenizer\": ");
    lm_text_json_string(out, s->tokenizer);
    lm_text_printf(out, ",\n  \"train_xxh64\": \"%016" PRIx64 "\",\n", s->train_digest);
    lm_text_printf(out, "  \"val_xxh64\": \"%016" PRIx64 "\",\n", s->val_digest);
    lm_text_printf(out, "  \"digest\": \"%016" PRIx64 "\",\n", s->digest);
    lm_text_printf(out, "  \"config\": ");
    lm_config_print(config, out);
    lm_text_printf(out, "}\n");
}

/* What a key of meta.json is, and where it goes. */
typedef struct reader {
    const cJSON *root;
    const char *path;
    lm_error *err;
    lm_status status;
} reader;

static void wrong(reader *r, const char *key, const char *expected) {
    if (r->status == LM_OK)
        r->status = lm_error_set(r->err, LM_ERR_RUNTIME, "%s: meta.json: expected \"%s\" to be %s",
                                 r->path, key, expected);
}

static int64_t whole(reader *r, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->root, key);
    double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (x >= 0 && x <= 0x1p53 && x == floor(x)) return (int64_t)x;
    wrong(r, key, "a count");
    return 0;
}

static double real(reader *r, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->root, key);
    if (cJSON_IsNumber(item)) return item->valuedouble;
    if (!cJSON_IsNull(item)) wrong(r, key, "a number or null");
    return NAN;
}

static uint64_t digest(reader *r, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->root, key);
    if (cJSON_IsString(item) && strlen(item->valuestring) == 16)
        return strtoumax(item->valuestring, NULL, 16);
    wrong(r, key, "16 hexadecimal digits");
    return 0;
}

static lm_status parse_config(reader *r, lm_config *config) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->root, "config");
    char *text = cJSON_IsObject(item) ? cJSON_PrintUnformatted(item) : NULL;
    if (!text) {
        wrong(r, "config", "an object");
        return r->status;
    }
    lm_config_defaults(config);
    lm_status status = lm_config_parse(config, r->path, text, strlen(text), NULL, 0, r->err);
    cJSON_free(text);
    if (status != LM_OK) lm_config_free(config);
    return status;
}

lm_status lm_run_state_parse(lm_run_state *s, lm_config *config, const char *path, const char *meta,
                             lm_error *err) {
    cJSON *root = cJSON_Parse(meta);
    reader r = {root, path, err, LM_OK};
    memset(s, 0, sizeof *s);
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(root, "format");
    const cJSON *tokenizer = cJSON_GetObjectItemCaseSensitive(root, "tokenizer");
    if (!cJSON_IsString(format) || strcmp(format->valuestring, FORMAT) != 0)
        wrong(&r, "format", "\"" FORMAT "\"");
    if (r.status == LM_OK && whole(&r, "version") != 1) wrong(&r, "version", "1");
    if (!cJSON_IsString(tokenizer) || strlen(tokenizer->valuestring) >= sizeof s->tokenizer) {
        wrong(&r, "tokenizer", "a tokenizer's name");
    } else {
        strcpy(s->tokenizer, tokenizer->valuestring);
    }
    s->step = whole(&r, "step");
    s->tokens = whole(&r, "tokens");
    s->samples = whole(&r, "samples");
    s->parameters = whole(&r, "parameters");
    s->train_loss = real(&r, "train_loss");
    s->val_loss = real(&r, "val_loss");
    s->val_step = whole(&r, "val_step");
    s->best_val_loss = real(&r, "best_val_loss");
    s->best_val_step = whole(&r, "best_val_step");
    s->train_digest = digest(&r, "train_xxh64");
    s->val_digest = digest(&r, "val_xxh64");
    s->digest = digest(&r, "digest");
    lm_status status = r.status != LM_OK ? r.status : parse_config(&r, config);
    cJSON_Delete(root);
    return status;
}

double lm_run_state_val_loss(const char *meta) {
    cJSON *root = cJSON_Parse(meta);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, "val_loss");
    double loss = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    cJSON_Delete(root);
    return loss;
}

/* ---- arrays ------------------------------------------------------------------------------------*/

lm_checkpoint_array *lm_run_state_arrays(const lm_model *m, int optimizer, float *weights,
                                         float *const *states, int n_states, int64_t *count) {
    int64_t rows;
    const lm_param *params = lm_model_rows(m, &rows);
    *count = rows * (1 + n_states);
    lm_checkpoint_array *arrays = calloc((size_t)*count, sizeof *arrays);
    if (!arrays) return NULL;
    for (int state = -1; state < n_states; state++) {
        const char *prefix = state < 0 ? "" : lm_optimizer_state_name(optimizer, state);
        float *flat = state < 0 ? weights : states[state];
        for (int64_t i = 0; i < rows; i++) {
            lm_checkpoint_array *a = &arrays[(state + 1) * rows + i];
            int n = snprintf(a->name, sizeof a->name, "%s%s%s", prefix, state < 0 ? "" : "/",
                             params[i].name);
            LM_ASSERT(n > 0 && n < (int)sizeof a->name);
            a->ndim = params[i].ndim;
            for (int d = 0; d < a->ndim; d++) a->shape[d] = params[i].shape[d];
            a->data = flat + params[i].offset;
        }
    }
    return arrays;
}

/* ---- a saved model -----------------------------------------------------------------------------*/

/* The checkpoint that path means: *file malloc'd. */
static lm_status resolve(const char *path, lm_pool *pool, char **file, lm_text *skipped,
                         lm_error *err) {
    *file = NULL;
    if (!lm_file_is_directory(path)) {
        *file = strdup(path);
        return *file ? LM_OK : lm_error_no_memory(err, path);
    }
    char *inside = lm_file_join(path, "checkpoints");
    if (!inside) return lm_error_no_memory(err, path);
    const char *directory = lm_file_is_directory(inside) ? inside : path;
    lm_status status = lm_checkpoint_newest(directory, pool, file, skipped, err);
    if (status == LM_OK && !*file)
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: expected a checkpoint (step-*.npz), found no good one%s%s",
                              directory, skipped->length ? ":\n" : "", lm_text_cstr(skipped));
    free(inside);
    return status;
}

lm_status lm_saved_open(lm_saved *s, const char *path, lm_pool *pool, lm_text *skipped,
                        lm_error *err) {
    memset(s, 0, sizeof *s);
    lm_status status = resolve(path, pool, &s->path, skipped, err);
    if (status != LM_OK) goto out;
    if ((status = lm_checkpoint_open(&s->checkpoint, s->path, err)) != LM_OK) goto out;
    status =
        lm_run_state_parse(&s->state, &s->config, s->path, lm_checkpoint_meta(s->checkpoint), err);
    if (status != LM_OK) goto out;
    status = lm_model_resolve(&s->config.model, err);
    if (status != LM_OK) lm_error_prefix(err, "%s", s->path);
out:
    if (status != LM_OK) lm_saved_close(s);
    return status;
}

lm_status lm_saved_model(const lm_saved *s, int64_t batch, lm_compute *compute, lm_model **model,
                         lm_error *err) {
    int64_t count;
    compute->precision = (lm_precision)s->config.train.precision;
    lm_status status = lm_model_create(model, &s->config.model, batch, false, compute, err);
    if (status != LM_OK) return status;
    lm_checkpoint_array *arrays =
        lm_run_state_arrays(*model, 0, lm_model_weights(*model), NULL, 0, &count);
    status = arrays ? lm_checkpoint_read(s->checkpoint, arrays, count, compute->pool, err)
                    : lm_error_no_memory(err, s->path);
    free(arrays);
    if (status != LM_OK) {
        lm_model_free(*model);
        *model = NULL;
    }
    return status;
}

void lm_saved_close(lm_saved *s) {
    lm_checkpoint_close(s->checkpoint);
    lm_config_free(&s->config);
    free(s->path);
    memset(s, 0, sizeof *s);
}
