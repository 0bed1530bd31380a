/* A checkpoint that another arithmetic has computed: the run goes on from it and says so, once and
 * however quiet it is asked to be; the checkpoints that it writes then are of this arithmetic. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "bench/corpus.h"
#include "machine/cpu.h"
#include "tests/support/tempdir.h"
#include "train/trainer.h"

static lm_bench_corpus corpus;
static lm_error err;

static void load(lm_config *c, int steps) {
    lm_text text = {0};
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"%s/run\", \"threads\": 2}, \"data\": {\"train\": \"%s\"},"
                   " \"model\": {\"vocab_size\": 65, \"d_model\": 8, \"n_layers\": 1,"
                   " \"n_heads\": 1, \"context_length\": 8}, \"train\": {\"steps\": %d}}",
                   tempdir, corpus.path, steps);
    if (lm_config_parse(c, "test", lm_text_cstr(&text), text.length, NULL, 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    lm_text_free(&text);
}

/* Trains up to so many steps, going on if there is something to go on from; what it says, malloc'd.
 */
static char *train(int steps) {
    lm_config c = {0};
    lm_text said = {0};
    char *name = lm_file_join(tempdir, "said");
    int before = dup(STDERR_FILENO), file = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    load(&c, steps);
    lm_train_settings s = {.config = &c, .resume = true, .quiet = true, .isas = lm_cpu_detect()};
    assert_true(before >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    lm_status status = lm_train_run(&s, &err);
    dup2(before, STDERR_FILENO);
    close(before);
    close(file);
    if (status != LM_OK) fail_msg("%s", err.message);
    assert_int_equal(lm_file_read(name, 1 << 20, &said, &err), LM_OK);
    lm_config_free(&c);
    free(name);
    lm_text_append(&said, "", 1);
    return said.data;
}

static char *path_of(int step) {
    char name[64];
    snprintf(name, sizeof name, "run/checkpoints/step-%010d.npz", step);
    return lm_file_join(tempdir, name);
}

/* The arithmetic of the checkpoint of a step. */
static int64_t arithmetic_of(int step) {
    lm_saved saved;
    lm_text skipped = {0};
    char *path = path_of(step);
    if (lm_saved_open(&saved, path, NULL, &skipped, &err) != LM_OK) fail_msg("%s", err.message);
    int64_t arithmetic = saved.state.arithmetic;
    lm_saved_close(&saved);
    lm_text_free(&skipped);
    free(path);
    return arithmetic;
}

/* The checkpoint of step 2 says `line` where it says its arithmetic. */
static void replace_arithmetic(const char *line) {
    static const char ours[] = "  \"arithmetic\": 2,\n";
    lm_config c = {0};
    lm_text meta = {0}, changed = {0};
    load(&c, 2);
    lm_train_settings s = {.config = &c, .resume = true, .quiet = true, .isas = lm_cpu_detect()};
    lm_trainer t = {.settings = &s, .config = &c};
    if (lm_setup_open(&t.setup, &c, 0, s.isas, true, &err) != LM_OK) fail_msg("%s", err.message);
    assert_int_equal(lm_run_dir_open(&t.dir, c.run.dir, true, false, &err), LM_OK);
    assert_int_equal(lm_trainer_create(&t, &err), LM_OK);
    assert_int_equal(lm_trainer_resume(&t, &err), LM_OK);
    lm_run_state_print(&t.state, &c, &meta);
    const char *at = strstr(lm_text_cstr(&meta), ours);
    assert_non_null(at);
    lm_text_append(&changed, meta.data, (size_t)(at - meta.data));
    lm_text_printf(&changed, "%s%s", line, at + strlen(ours));
    assert_int_equal(lm_checkpoint_write(t.saved, t.arrays, t.n_arrays, NULL, 0,
                                         lm_text_cstr(&changed), t.pool, NULL, &err),
                     LM_OK);
    lm_text_free(&meta);
    lm_text_free(&changed);
    lm_trainer_free(&t);
    lm_config_free(&c);
}

static void test_going_on_from_another_arithmetic(void **state) {
    static const struct {
        const char *line;
        int64_t arithmetic;
        const char *note; /* NULL: none */
    } cases[] = {
        {"  \"arithmetic\": 2,\n", 2, NULL},
        {"", 1, "computed with arithmetic 1, this lmtrain has arithmetic 2"},
        {"  \"arithmetic\": 1,\n", 1, "the older lmtrain"},
        {"  \"arithmetic\": 3,\n", 3, "the newer lmtrain"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = path_of(4);
        free(train(2));
        assert_int_equal(arithmetic_of(2), 2);
        replace_arithmetic(cases[i].line);
        assert_int_equal(arithmetic_of(2), cases[i].arithmetic);
        char *said = train(2); /* nothing to do, and nothing to say */
        assert_null(strstr(said, "arithmetic"));
        free(said);
        said = train(4);
        const char *note = strstr(said, "note: ");
        if (!cases[i].note != !note) fail_msg("case %zu: %s", i, said);
        if (note && (!strstr(note, cases[i].note) || strstr(note + 1, "note: ")))
            fail_msg("case %zu: %s", i, said);
        assert_int_equal(arithmetic_of(4), 2);
        free(said);
        remove(path);
        free(path);
        path = path_of(2);
        remove(path);
        free(path);
        path = lm_file_join(tempdir, "run/summary.json");
        remove(path);
        free(path);
    }
}

static int set_up(void **state) {
    return tempdir_open(state) != 0 || lm_bench_corpus_make(&corpus, 65, &err) != LM_OK ? -1 : 0;
}

static int tear_down(void **state) {
    lm_bench_corpus_free(&corpus);
    return tempdir_close(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_going_on_from_another_arithmetic)};
    return cmocka_run_group_tests_name("arithmetic", tests, set_up, tear_down);
}
