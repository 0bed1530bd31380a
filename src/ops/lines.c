#include "ops/lines.h"

void lm_line_set_take(lm_line_set *s, lm_arena *arena, int64_t lines) {
    *s = (lm_line_set){
        .lines = lines, .words = lm_divide_up(lines, 64), .blocks = lm_divide_up(lines, 4096)};
    s->bits = lm_arena_array(arena, s->words, 1, sizeof *s->bits);
    s->filled = lm_arena_array(arena, s->blocks, 1, sizeof *s->filled);
    s->list = lm_arena_array(arena, lines, 1, sizeof *s->list);
}

lm_lines lm_line_set_list(lm_line_set *s) {
    s->count = 0;
    for (int64_t b = 0; b < s->blocks; b++)
        for (uint64_t filled = s->filled[b]; filled; filled &= filled - 1) {
            int64_t word = 64 * b + __builtin_ctzll(filled);
            for (uint64_t bits = s->bits[word]; bits; bits &= bits - 1)
                s->list[s->count++] = (int32_t)(64 * word + __builtin_ctzll(bits));
        }
    return (lm_lines){s->list, s->count};
}

void lm_line_set_clear(lm_line_set *s) {
    for (int64_t b = 0; b < s->blocks; b++) {
        for (uint64_t filled = s->filled[b]; filled; filled &= filled - 1)
            s->bits[64 * b + __builtin_ctzll(filled)] = 0;
        s->filled[b] = 0;
    }
    s->count = 0;
}
