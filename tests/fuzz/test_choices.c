/* The same mutations of questions every time: `make fuzz T=choices` goes on from it. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/choices.c"
#include "tests/support/draws.h"

enum { ROUNDS = 4000, ROOM = 600 };

static const char *const seeds[] = {
    "{\"context\": \"a \", \"choices\": [\"b\", \"c\"], \"label\": 1}\n{\"context\": \"\","
    " \"choices\": [\"d\", \"e\", \"f\"], \"label\": \"2\"}\n",
    "{\"activity_label\": \"L\", \"ctx_a\": \"A [x] b\", \"ctx_b\": \"the\", \"endings\":"
    " [\"one [title] two\", \"  three  \"], \"label\": \"0\"}",
    "{\"ctx\": \"x [y\", \"endings\": [\"a\", \"b\"], \"label\": 0}",
    "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\", \"label\": 0}",
    "{\"question\": \"q\", \"choices\": {\"text\": [\"a\", \"b\"], \"label\": [\"A\", \"B\"]},"
    " \"answerKey\": \"B\"}",
    "{\"question\": {\"stem\": \"q\", \"choices\": [{\"text\": \"a\", \"label\": \"1\"}, {\"text\":"
    " \"b\", \"label\": \"2\"}]}, \"answerKey\": \"1\"}",
    "{\"sentence_good\": \"g\", \"sentence_bad\": \"b\"}",
};

static lm_draws draws = {.seed = 21};

static size_t mutate(uint8_t *data, size_t size) {
    static const char *const pieces[] = {"\"", "[",     "]", "{", "}", "null", "-1", ",",
                                         "\n", "\\u00", "9", " ", ":", "\"\"", "64", "\xFF"};
    size_t at = lm_draw(&draws, size), n = 1 + lm_draw(&draws, 12);
    if (lm_draw(&draws, 3) == 0 && size > 1) {
        n = n < size - at ? n : size - at;
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    }
    const char *piece = pieces[lm_draw(&draws, sizeof pieces / sizeof *pieces)];
    n = strlen(piece);
    if (size + n > ROOM) return size;
    memmove(data + at + n, data + at, size - at);
    memcpy(data + at, piece, n);
    return size + n;
}

static void test_questions(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++)
        for (int i = 0; i < ROUNDS; i++) {
            uint8_t data[ROOM];
            size_t size = strlen(seeds[s]);
            memcpy(data, seeds[s], size);
            for (size_t times = lm_draw(&draws, 5); times > 0 && size > 1; times--)
                size = mutate(data, size);
            LLVMFuzzerTestOneInput(data, size);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_questions)};
    return cmocka_run_group_tests_name("choices", tests, NULL, NULL);
}
