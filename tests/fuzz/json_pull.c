/* libFuzzer target for the reader of large JSON texts: make fuzz. */
#include <stdint.h>

#include "containers/json_pull.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes every value by its kind, so that each way through the reader is taken. */
static void take(lm_json_pull *p, int depth) {
    switch (depth < 8 ? lm_json_pull_peek(p) : LM_JSON_NOTHING) {
    case LM_JSON_OBJECT:
        lm_json_pull_object(p);
        while (lm_json_pull_member(p)) take(p, depth + 1);
        break;
    case LM_JSON_ARRAY:
        lm_json_pull_array(p);
        while (lm_json_pull_element(p)) take(p, depth + 1);
        break;
    case LM_JSON_NUMBER:
        lm_json_pull_count(p, 1 << 20);
        break;
    default:
        lm_json_pull_skip(p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    lm_json_pull p;
    lm_json_pull_begin(&p, "text", (const char *)data, size, &err);
    take(&p, 0);
    lm_json_pull_end(&p);
    return 0;
}
