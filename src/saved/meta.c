#include "saved/meta.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define FORMAT "lmtrain checkpoint"

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
