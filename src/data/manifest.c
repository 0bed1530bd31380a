#include "data/manifest.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define FORMAT   "lmtrain tokens"
#define MAX_SIZE ((size_t)1 << 20)

char *lm_manifest_path(const char *shard_path) {
    size_t n = strlen(shard_path);
    if (n >= 4 && strcmp(shard_path + n - 4, ".bin") == 0) n -= 4;
    char *path = malloc(n + sizeof ".json");
    if (!path) return NULL;
    memcpy(path, shard_path, n);
    strcpy(path + n, ".json");
    return path;
}

static lm_status wrong(const char *path, const char *key, const char *expected, const cJSON *found,
                       lm_error *err) {
    char *text = found ? cJSON_PrintUnformatted(found) : NULL;
    lm_error_set(err, LM_ERR_RUNTIME, "%s: key \"%s\": expected %s, found %s", path, key, expected,
                 text ? text : "nothing");
    free(text);
    return err->code;
}

static bool whole_number(const cJSON *item, double high, int64_t *out) {
    if (!cJSON_IsNumber(item)) return false;
    double x = item->valuedouble;
    if (!(x >= 0 && x <= high) || x != (double)(int64_t)x) return false;
    *out = (int64_t)x;
    return true;
}

static bool hexadecimal(const cJSON *item, uint64_t *out) {
    if (!cJSON_IsString(item) || strlen(item->valuestring) != 16) return false;
    if (strspn(item->valuestring, "0123456789abcdef") != 16) return false;
    *out = strtoumax(item->valuestring, NULL, 16);
    return true;
}

static lm_status parse(lm_manifest *m, const char *path, const cJSON *root, lm_error *err) {
    int64_t version;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, "format");
    if (!cJSON_IsString(item) || strcmp(item->valuestring, FORMAT) != 0)
        return wrong(path, "format", "\"" FORMAT "\"", item, err);
    item = cJSON_GetObjectItemCaseSensitive(root, "version");
    if (!whole_number(item, 1e9, &version) || version != 1)
        return wrong(path, "version", "1", item, err);
    item = cJSON_GetObjectItemCaseSensitive(root, "dtype");
    if (!cJSON_IsString(item) || strcmp(item->valuestring, "uint16") != 0)
        return wrong(path, "dtype", "\"uint16\"", item, err);
    item = cJSON_GetObjectItemCaseSensitive(root, "tokenizer");
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= sizeof m->tokenizer)
        return wrong(path, "tokenizer", "a tokenizer's name", item, err);
    strcpy(m->tokenizer, item->valuestring);
    item = cJSON_GetObjectItemCaseSensitive(root, "vocab_size");
    if (!whole_number(item, 65536, &m->vocab_size) || m->vocab_size < 1)
        return wrong(path, "vocab_size", "a number from 1 to 65536", item, err);
    item = cJSON_GetObjectItemCaseSensitive(root, "tokens");
    if (!whole_number(item, 0x1p53, &m->tokens)) return wrong(path, "tokens", "a count", item, err);
    item = cJSON_GetObjectItemCaseSensitive(root, "xxh64");
    if (!hexadecimal(item, &m->digest))
        return wrong(path, "xxh64", "16 hexadecimal digits", item, err);
    m->found = true;
    return LM_OK;
}

lm_status lm_manifest_read(lm_manifest *m, const char *shard_path, lm_error *err) {
    lm_status status = LM_OK;
    lm_text text = {0};
    cJSON *root = NULL;
    memset(m, 0, sizeof *m);
    char *path = lm_manifest_path(shard_path);
    if (!path) return lm_error_no_memory(err, shard_path);
    if (!lm_file_exists(path)) goto out;
    if ((status = lm_file_read(path, MAX_SIZE, &text, err)) != LM_OK) goto out;
    root = cJSON_Parse(lm_text_cstr(&text));
    if (!cJSON_IsObject(root)) {
        status =
            lm_error_set(err, LM_ERR_RUNTIME,
                         "%s: expected a JSON object (the manifest of %s), found something else",
                         path, shard_path);
        goto out;
    }
    status = parse(m, path, root, err);
out:
    cJSON_Delete(root);
    lm_text_free(&text);
    free(path);
    return status;
}

void lm_manifest_print(const lm_manifest *m, lm_text *out) {
    lm_text_printf(out, "{\n  \"format\": \"%s\",\n  \"version\": 1,\n  \"dtype\": \"uint16\",\n",
                   FORMAT);
    lm_text_printf(out, "  \"tokenizer\": ");
    lm_text_json_string(out, m->tokenizer);
    lm_text_printf(out, ",\n  \"vocab_size\": %" PRId64 ",\n  \"tokens\": %" PRId64, m->vocab_size,
                   m->tokens);
    lm_text_printf(out, ",\n  \"xxh64\": \"%016" PRIx64 "\"\n}\n", m->digest);
}
