/* libFuzzer target for lines of a sweep's journals: make fuzz T=journal. What is read is printed
 * and read again to the same. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lm_journal_entry e, again;
    lm_error err;
    lm_text line = {0};
    if (lm_journal_parse((const char *)data, size, &e, &err) != LM_OK) return 0;
    lm_journal_print(&e, &line);
    if (line.failed || lm_journal_parse(line.data, line.length - 1, &again, &err) != LM_OK) abort();
    if (e.is_stop != again.is_stop || e.is_end != again.is_end) abort();
    if (e.is_stop && (e.stop_code != again.stop_code || strcmp(e.stop, again.stop) != 0)) abort();
    if (!e.is_stop && !e.is_end) {
        const lm_result *a = &e.result, *b = &again.result;
        bool same = a->loss == b->loss || (isnan(a->loss) && isnan(b->loss));
        if (e.trial != again.trial || e.rung != again.rung || a->state != b->state || !same)
            abort();
    }
    lm_text_free(&line);
    return 0;
}
