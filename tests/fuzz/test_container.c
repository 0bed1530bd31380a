/* The same few thousand mutations of a checkpoint every time: numbers, bytes, pieces moved, cut out
 * and doubled, mostly with the digests made right again. `make fuzz` goes on from there. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/container.h"
#include "tests/support/draws.h"

enum { ROUNDS = 30000, ROOM = 1 << 14 };

static lm_text good;
static lm_draws draws = {.seed = 11};

static size_t mutate(unsigned char *data, size_t size) {
    static const unsigned char extremes[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t at = lm_draw(&draws, size), n = 1 + lm_draw(&draws, size - at < 64 ? size - at : 64),
           to = lm_draw(&draws, size);
    /* Most of it near the end, where the structure is. */
    if (lm_draw(&draws, 3) > 0) at = size - 1 - lm_draw(&draws, size < 1500 ? size : 1500);
    n = n < size - at ? n : size - at;
    switch (lm_draw(&draws, 6)) {
    case 0:
        data[at] = (unsigned char)(data[at] ^ 1u << lm_draw(&draws, 8));
        break;
    case 1:
        memset(data + at, extremes[lm_draw(&draws, sizeof extremes)], n < 8 ? n : 8);
        break;
    case 2: /* a digit of meta.json */
        for (size_t i = at; i < size; i++)
            if (data[i] >= '0' && data[i] <= '9') {
                data[i] = (unsigned char)('0' + lm_draw(&draws, 10));
                break;
            }
        break;
    case 3:
        memmove(data + to, data + at, n < size - to ? n : size - to);
        break;
    case 4: /* cut out */
        memmove(data + at, data + at + n, size - at - n);
        size -= n;
        break;
    default: /* doubled */
        if (size + n > ROOM) break;
        memmove(data + at + n, data + at, size - at);
        size += n;
    }
    return size;
}

static void test_mutated_containers_never_crash(void **state) {
    (void)state;
    unsigned char *data = malloc(ROOM);
    assert_non_null(data);
    lm_test_container_make(&good);
    assert_true(good.length < ROOM / 2);
    memcpy(data, good.data, good.length);
    assert_true(lm_test_container_read(data, good.length));
    lm_test_container_seal(data, good.length);
    assert_memory_equal(data, good.data, good.length);
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = good.length, times = 1 + lm_draw(&draws, 4);
        memcpy(data, good.data, size);
        for (; times > 0 && size > 0; times--) size = mutate(data, size);
        if (lm_draw(&draws, 8) > 0) {
            lm_test_container_seal(data, size);
            lm_test_container_read(data, size); /* whether it is accepted is not ours to say */
        } else if (size != good.length || memcmp(data, good.data, size) != 0) {
            assert_false(lm_test_container_read(data, size));
        }
    }
    lm_text_free(&good);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutated_containers_never_crash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
