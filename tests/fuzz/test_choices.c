/* The same mutations of questions every time: `make fuzz T=choices` goes on from it. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/fuzz/choices.c"
#include "tests/support/mutations.h"

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

static const char *const pieces[] = {"\"", "[",     "]", "{", "}", "null", "-1", ",",
                                     "\n", "\\u00", "9", " ", ":", "\"\"", "64", "\xFF"};

static void test_questions(void **state) {
    (void)state;
    static lm_mutations m = {.draws = {.seed = 21},
                             .rounds = 4000,
                             .most = 4,
                             .room = 600,
                             .pieces = pieces,
                             .n_pieces = sizeof pieces / sizeof *pieces,
                             .target = LLVMFuzzerTestOneInput};
    lm_mutations_run_texts(&m, seeds, sizeof seeds / sizeof *seeds);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_questions)};
    return cmocka_run_group_tests_name("choices", tests, NULL, NULL);
}
