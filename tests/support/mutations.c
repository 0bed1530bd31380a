#include "tests/support/mutations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tests/support/test.h"

static size_t cut_out(uint8_t *data, size_t size, size_t at, size_t n) {
    memmove(data + at, data + at + n, size - at - n);
    return size - n;
}

static size_t mutate_text(lm_mutations *m, uint8_t *data, size_t size) {
    size_t at = lm_draw(&m->draws, size), n = 1 + lm_draw(&m->draws, 12);
    if (lm_draw(&m->draws, 3) == 0 && size > 1)
        return cut_out(data, size, at, lm_size_min(n, size - at));
    const char *piece = m->pieces[lm_draw(&m->draws, m->n_pieces)];
    n = strlen(piece);
    if (size + n > m->room) return size;
    memmove(data + at + n, data + at, size - at);
    memcpy(data + at, piece, n);
    if (lm_draw(&m->draws, 4) == 0) data[at] = (uint8_t)(data[at] ^ 1u << lm_draw(&m->draws, 8));
    return size + n;
}

static size_t mutate_file(lm_mutations *m, uint8_t *data, size_t size) {
    static const uint8_t numbers[] = {0,  1,    2,    3,    4,   8,   9,   16,  31, 32,
                                      64, 0x7F, 0x80, 0xFE, 255, '0', '9', '"', 'e'};
    size_t among = lm_draw(&m->draws, 6) ? lm_size_min(m->head, size) : size;
    size_t at = lm_draw(&m->draws, among), n = 1 + lm_draw(&m->draws, 9);
    n = lm_size_min(n, size - at);
    switch (lm_draw(&m->draws, 6)) {
    case 0: /* something is missing */
        return cut_out(data, size, at, n);
    case 1: /* something stands twice */
        n = lm_size_min(n * (1 + lm_draw(&m->draws, 8)), lm_size_min(m->room - size, size - at));
        memmove(data + at + n, data + at, size - at);
        return size + n;
    case 2:
        memset(data + at, numbers[lm_draw(&m->draws, sizeof numbers)], n);
        return size;
    case 3: /* the file ends here, now and then */
        return lm_draw(&m->draws, 8) ? size : at + n;
    default:
        data[at] = numbers[lm_draw(&m->draws, sizeof numbers)];
        return size;
    }
}

void lm_mutations_run(lm_mutations *m, const void *seed, size_t seed_size) {
    uint8_t *data = malloc(m->room);
    assert_true(data && seed_size <= m->room);
    for (int i = 0; i < m->rounds; i++) {
        size_t size = seed_size;
        memcpy(data, seed, size);
        for (size_t times = 1 + lm_draw(&m->draws, m->most); times > 0 && size > 1; times--)
            size = m->pieces ? mutate_text(m, data, size) : mutate_file(m, data, size);
        m->target(data, size);
    }
    free(data);
}

void lm_mutations_run_texts(lm_mutations *m, const char *const *seeds, size_t n) {
    for (size_t i = 0; i < n; i++) lm_mutations_run(m, seeds[i], strlen(seeds[i]));
}

void lm_mutations_run_file(lm_mutations *m, const char *path) {
    uint8_t *seed = malloc(m->room);
    assert_non_null(seed);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(seed, 1, m->room, f);
    fclose(f);
    lm_mutations_run(m, seed, size);
    free(seed);
}
