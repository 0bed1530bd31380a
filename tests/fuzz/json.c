/* libFuzzer target for the JSON reader: make fuzz T=json. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Keys, types and nesting of the files that lmtrain reads. */
static void read_all(lm_json_reader *r) {
    char name[8];
    lm_json_get_string(r, "name", name, sizeof name);
    (void)lm_json_get_count(r, "tokens", 0, (int64_t)1 << 53);
    (void)lm_json_get_number(r, "loss");
    (void)lm_json_get_digest(r, "xxh64");
    free(lm_json_get_object_text(r, "config"));
    (void)lm_json_enter(r, "arrays");
    while (lm_json_next(r)) {
        (void)lm_json_enter(r, "shape");
        while (lm_json_next(r)) (void)lm_json_get_count(r, NULL, 0, 1000);
        lm_json_leave(r);
    }
    lm_json_leave(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_error err;
    lm_json_reader r;
    if (lm_json_open(&r, "fuzz", (const char *)data, size, &err) != LM_OK) return 0;
    read_all(&r);
    lm_json_close(&r);
    return 0;
}
