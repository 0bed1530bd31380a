/* Any text as points of a scaling law: points that are above 0, or an error. */
#include <stdint.h>
#include <stdlib.h>

#include "fit/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lm_points p = {0};
    lm_error err = {0};
    /* A copy, so that a read behind the end is one behind an allocation. */
    char *text = malloc(size + 1);
    if (!text) return 0;
    for (size_t i = 0; i < size; i++) text[i] = (char)data[i];
    char *exact = realloc(text, size > 0 ? size : 1);
    lm_status status = lm_points_read(&p, "f", exact ? exact : text, size, &err);
    if (status != LM_OK && (status != LM_ERR_USAGE || !*err.message)) abort();
    for (int64_t i = 0; i < p.count; i++) {
        const lm_scaling_point *o = &p.items[i];
        if (!(o->parameters > 0 && o->tokens > 0 && o->loss > 0 && o->unique >= 0)) abort();
        if (!(p.seconds[i] >= 0)) abort();
    }
    lm_points_free(&p);
    free(exact ? exact : text);
    return 0;
}
