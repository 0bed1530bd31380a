#include "tests/support/test.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "report/progress.h"

/* ---- not a terminal ---------------------------------------------------------------------------*/

static void expect_begin(const char *line, const char *begin) {
    if (strncmp(line, begin, strlen(begin)) != 0)
        fail_msg("expected \"%s\", found: %s", begin, line);
}

static char *text; /* of the memory stream */
static size_t size;

static FILE *memory(void) {
    FILE *f = tmpfile();
    assert_non_null(f);
    return f;
}

/* What was written to f since the last time; f goes on. */
static const char *written(FILE *f) {
    long end = ftell(f);
    assert_true(end >= 0);
    free(text);
    text = calloc((size_t)end + 1, 1);
    assert_non_null(text);
    rewind(f);
    size = fread(text, 1, (size_t)end, f);
    rewind(f);
    assert_int_equal(ftruncate(fileno(f), 0), 0);
    return text;
}

/* What was written, one line, behind the time of day that it begins with. */
static const char *behind_time(FILE *f) {
    const char *line = written(f);
    char now[16];
    for (int before = 0; before <= 3; before++) { /* seconds that may have passed since */
        time_t then = time(NULL) - before;
        struct tm local;
        assert_non_null(localtime_r(&then, &local));
        strftime(now, sizeof now, "%H:%M:%S ", &local);
        if (strncmp(line, now, strlen(now)) == 0) return line + strlen(now);
    }
    fail_msg("expected the time of day first: %s", line);
    return line;
}

static void test_plain_lines(void **state) {
    (void)state;
    FILE *f = memory();
    lm_progress p;
    lm_progress_start(&p, f, false, 10, 0, 1000, 2e6);
    assert_false(p.terminal);
    assert_false(p.colour);
    for (int step = 1; step < 10; step++) lm_progress_step(&p, step, 3, 1000);
    assert_string_equal(written(f), "");
    lm_progress_step(&p, 10, 2.34567, 152000);
    expect_begin(behind_time(f), "step   10/1000  loss 2.3457  152 k tok/s  304 GFLOP/s  left ");
    assert_int_equal(text[size - 1], '\n');
    assert_null(strpbrk(text, "\r\033"));

    lm_progress_eval(&p, 10, 0.69314718055994531, 1, NULL);
    assert_string_equal(behind_time(f),
                        "step 10  validation loss 0.6931 nats/token, perplexity 2.000,"
                        " 1.0000 bits/byte\n");
    lm_progress_eval(&p, 10, 1.5, 0, NULL);
    assert_string_equal(behind_time(f),
                        "step 10  validation loss 1.5000 nats/token, perplexity 4.482\n");
    lm_progress_eval(&p, 10, 154.4319, 0, NULL);
    assert_string_equal(behind_time(f),
                        "step 10  validation loss 154.4319 nats/token, perplexity 1.17e+67\n");
    lm_set_figures sets[] = {{"prose", 1.5},
                             {"co\x1b"
                              "de",
                              2.25}};
    const lm_data_figures data = {.sets = sets, .n_sets = 2};
    lm_progress_eval(&p, 10, 1.5, 0, &data);
    assert_string_equal(behind_time(f), "step 10  validation loss 1.5000 nats/token, perplexity"
                                        " 4.482; prose 1.5000, co\\x1bde 2.2500\n");
    lm_progress_eval(&p, 10, 1.5, 0, NULL);
    written(f);

    /* The highest peak measured counts. */
    lm_progress_peak(&p, 2e11);
    lm_progress_peak(&p, 1e11);
    lm_progress_step(&p, 20, 2, 50000);
    assert_non_null(strstr(written(f), "  val 1.5000  "));
    assert_non_null(strstr(text, " 100 GFLOP/s 50%  left "));
    /* The last step is shown whatever log.every is. */
    p.every = 999999;
    lm_progress_step(&p, 999, 2, 50000);
    assert_string_equal(written(f), "");
    lm_progress_step(&p, 1000, 2, 50000);
    assert_non_null(strstr(written(f), "step 1000/1000  "));
    assert_non_null(strstr(text, "  left 0:00\n"));
    lm_progress_finish(&p);
    lm_progress_finish(&p);
    assert_string_equal(written(f), "");
    fclose(f);
}

static void test_quiet_prints_warnings_alone(void **state) {
    (void)state;
    FILE *f = memory();
    lm_progress p;
    lm_progress_start(&p, f, true, 1, 0, 2, 1e6);
    lm_progress_step(&p, 1, 1, 1);
    lm_progress_step(&p, 2, 1, 1);
    lm_progress_eval(&p, 2, 1, 1, NULL);
    lm_progress_note(&p, "note %d", 1);
    assert_string_equal(written(f), "");
    lm_progress_warn(&p, "warning: %s", "disk");
    assert_string_equal(behind_time(f), "warning: disk\n");
    lm_progress_finish(&p);
    fclose(f);
}

/* How long it will take: from the steps of this session alone. */
static void test_the_time_left_is_estimated(void **state) {
    (void)state;
    static const struct {
        double elapsed;
        const char *left;
    } cases[] = {
        /* 10 of 20 steps are done, 5 of them in this session: twice as long as those took. */
        {0.001, "left 0:00\n"}, {1e5, "left 2d 7:33:2"}, {1e4, "left 5:33:2"},
        {100, "left 3:2"},      {1e9, "left -\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *f = memory();
        lm_progress p;
        lm_progress_start(&p, f, false, 1, 5, 20, 1e6);
        p.started -= cases[i].elapsed;
        lm_progress_step(&p, 10, 1, 1);
        if (!strstr(written(f), cases[i].left))
            fail_msg("expected \"%s\" in: %s", cases[i].left, text);
        lm_progress_finish(&p);
        fclose(f);
    }
}

/* ---- a terminal -------------------------------------------------------------------------------*/

static int master;

/* The program's end of a terminal of some columns; NULL when this machine has none to give. */
static FILE *terminal(unsigned short columns) {
    struct termios raw;
    struct winsize window = {.ws_row = 24, .ws_col = columns};
    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return NULL;
    int fd = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (fd < 0) return NULL;
    assert_int_equal(tcgetattr(fd, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(fd, TCSANOW, &raw), 0);
    assert_int_equal(ioctl(fd, TIOCSWINSZ, &window), 0);
    return fdopen(fd, "w");
}

static const char *shown(void) {
    static char buffer[4096];
    ssize_t n = read(master, buffer, sizeof buffer - 1);
    assert_true(n > 0);
    buffer[n] = '\0';
    return buffer;
}

/* Draws the step at once, however short ago the last one was. */
static const char *draw(lm_progress *p, int64_t step) {
    p->redrawn = -1;
    lm_progress_step(p, step, 1.25, 152000);
    return shown();
}

static void test_terminal(void **state) {
    (void)state;
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    FILE *f = terminal(100);
    if (!f) skip();
    lm_progress p;
    lm_progress_start(&p, f, false, 10, 0, 100, 2e6);
    assert_true(p.terminal && p.colour);
    const char *line = draw(&p, 1);
    expect_begin(line, "\r\033[Kstep   1/100  loss \033[1m1.2500\033[0m  152 k tok/s");
    assert_null(strchr(line, '\n'));
    /* A note takes the line's place. */
    lm_progress_note(&p, "note");
    assert_string_equal(shown(), "\r\033[Knote\n");
    lm_progress_note(&p, "again");
    assert_string_equal(shown(), "again\n");
    /* The line that stands at the end stays. */
    draw(&p, 2);
    lm_progress_finish(&p);
    assert_string_equal(shown(), "\n");
    fclose(f);
    close(master);
}

static void test_no_colour(void **state) {
    (void)state;
    setenv("NO_COLOR", "1", 1);
    setenv("TERM", "xterm", 1);
    FILE *f = terminal(40);
    if (!f) skip();
    lm_progress p;
    lm_progress_start(&p, f, false, 10, 0, 100, 2e6);
    assert_true(p.terminal && !p.colour);
    const char *line = draw(&p, 1);
    assert_null(strchr(line, 'm' /* which ends every colour; "left" and "loss" have none */));
    lm_progress_finish(&p);
    fclose(f);
    close(master);
    unsetenv("NO_COLOR");
}

static void test_dumb_terminal(void **state) {
    (void)state;
    setenv("TERM", "dumb", 1);
    FILE *f = terminal(80);
    if (!f) skip();
    lm_progress p;
    lm_progress_start(&p, f, false, 1, 0, 100, 2e6);
    const char *line = draw(&p, 1);
    assert_null(strpbrk(line, "\r\033"));
    assert_non_null(strchr(line, '\n'));
    lm_progress_finish(&p);
    fclose(f);
    close(master);
    setenv("TERM", "xterm", 1);
}

/* Columns that a line takes: escapes and the return take none. */
static size_t width_of(const char *line) {
    size_t width = 0;
    for (; *line; line++) {
        if (*line == '\033') {
            while (*line != 'm' && *line != 'K') line++;
        } else {
            width += *line != '\r';
        }
    }
    return width;
}

static void test_lines_fit_terminals_of_any_width(void **state) {
    (void)state;
    size_t before = 0;
    for (unsigned short columns = 2; columns <= 90; columns++) {
        FILE *f = terminal(columns);
        if (!f) skip();
        lm_progress p;
        lm_progress_start(&p, f, false, 1, 0, 100, 2e6);
        lm_progress_peak(&p, 1e12);
        p.val_loss = 1.5;
        const char *line = draw(&p, 50);
        size_t width = width_of(line);
        assert_true(width < columns);
        /* More room shows no less; what is bold ends. */
        assert_true(width >= before || columns > 20);
        before = width;
        const char *bold = strstr(line, "\033[1m");
        if (bold) assert_non_null(strstr(bold, "\033[0m"));
        if (columns == 90) assert_non_null(strstr(line, "GFLOP/s 30%  left "));
        lm_progress_finish(&p);
        fclose(f);
        close(master);
    }
}

static int tear_down(void **state) {
    (void)state;
    free(text);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_lines),
        cmocka_unit_test(test_quiet_prints_warnings_alone),
        cmocka_unit_test(test_the_time_left_is_estimated),
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_no_colour),
        cmocka_unit_test(test_lines_fit_terminals_of_any_width),
        cmocka_unit_test(test_dumb_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
