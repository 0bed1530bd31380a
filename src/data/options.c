#include "data/options.h"

#include <stdlib.h>

void lm_data_sources_free(lm_data_sources *s) {
    for (int64_t i = 0; i < s->count; i++) {
        free(s->items[i].name);
        free(s->items[i].path);
    }
    free(s->items);
    *s = (lm_data_sources){0};
}
