#include "cli/diff_value.h"

void lm_diff_put_value(lm_text *out, const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsNumber(item))
        lm_text_json_number(out, item->valuedouble);
    else
        lm_text_say(out, "%s", cJSON_IsString(item) ? item->valuestring : "null");
}
