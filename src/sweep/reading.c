#include "sweep/reading.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/message.h"
#include "base/numbers.h"
#include "config/scan.h"

enum { MOST_BYTES = 3500 }; /* of problems: an error has room for them */

void lm_reading_place(const lm_reading *r, size_t at, char place[LM_READING_PLACE]) {
    int row = 1, column = 1;
    lm_scan_advance(r->text, 0, at, &row, &column);
    snprintf(place, LM_READING_PLACE, "%.280s:%d:%d", r->name, row, column);
}

/* Is there room for another? It is counted if not. */
static bool has_room(lm_reading *r) {
    if (r->problems.length <= MOST_BYTES) return true;
    r->untold++;
    return false;
}

void lm_reading_lines(lm_reading *r, const char *lines) {
    if (!has_room(r)) return;
    lm_text_say(&r->problems, "%-s%-s", r->problems.length ? "\n" : "", lines);
    r->no_memory |= r->problems.failed;
}

void lm_reading_problem(lm_reading *r, size_t at, const char *format, ...) {
    char line[512], place[LM_READING_PLACE];
    va_list arguments;
    if (!has_room(r)) return;
    va_start(arguments, format);
    lm_message_print(line, sizeof line, format, arguments);
    va_end(arguments);
    lm_reading_place(r, at, place);
    lm_text_say(&r->problems, "%-s%s: %s", r->problems.length ? "\n" : "", place, line);
    r->no_memory |= r->problems.failed;
}

void lm_reading_wrong(lm_reading *r, const lm_json_node *node, const char *path, const char *what) {
    size_t size = node->end - node->at, n = lm_size_min(size, 100);
    lm_reading_problem(r, node->at, "%s: expected %s, found %.*s%s", path, what, (int)n,
                       r->text + node->at, n < size ? "..." : "");
}

lm_status lm_reading_end(lm_reading *r, lm_error *err) {
    lm_status status = LM_OK;
    if (r->no_memory) {
        status = lm_error_no_memory(err, r->name);
    } else if (r->problems.length > 0) {
        status = lm_error_set(err, LM_ERR_USAGE, "%-s", lm_text_cstr(&r->problems));
        if (r->untold > 0) lm_error_append(err, "\nand %d more", r->untold);
    }
    lm_text_free(&r->problems);
    return status;
}
