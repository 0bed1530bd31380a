#include "text/cut.h"

#include <string.h>

#include "base/error.h"
#include "base/numbers.h"

lm_cut lm_cut_between(uint64_t from, uint64_t to) {
    LM_ASSERT(from <= to);
    return (lm_cut){.from = from, .to = to, .after_line = true};
}

/* Bytes 10xxxxxx go on with a character. In text that is not UTF-8 there may be many. */
static bool begins_character(const lm_cut *cut, char c) {
    return ((unsigned char)c & 0xC0) != 0x80 || cut->at - cut->to >= 3;
}

static bool is_here(const lm_cut *cut, char next) {
    if (cut->at < cut->from) return false;
    if (cut->at >= cut->to) return begins_character(cut, next);
    return cut->after_line;
}

size_t lm_cut_before(lm_cut *cut, const char *data, size_t size) {
    size_t i = 0;
    LM_ASSERT(!cut->made);
    while (i < size) {
        if ((cut->made = is_here(cut, data[i]))) break;
        size_t n = 1;
        if (cut->at < cut->from) {
            n = (size_t)lm_u64_min(size - i, cut->from - cut->at);
        } else if (cut->at < cut->to) {
            size_t most = (size_t)lm_u64_min(size - i, cut->to - cut->at);
            const char *end = memchr(data + i, '\n', most);
            n = end ? (size_t)(end - (data + i)) + 1 : most;
        }
        i += n;
        cut->at += n;
        cut->after_line = data[i - 1] == '\n';
    }
    return i;
}
