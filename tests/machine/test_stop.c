/* Requests to stop, as signals to a process of the test's own. */
#include "tests/support/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine/stop.h"

/* What a loop does that is asked to stop by `first`: it ends with exit code 4, or 5 when it was not
 * asked. `late` arrives when the handlers have been given back; 0: no such signal. */
static void stop(int first, int late) {
    signal(SIGHUP, SIG_DFL); /* the test may be run under nohup */
    lm_stop_listen();
    lm_stop_arm(0, "stopping");
    if (first) raise(first);
    int code = lm_stop_pending() == first ? 4 : 5;
    lm_stop_restore();
    if (late) raise(late);
    _exit(code);
}

/* As shells have it: 128 + the signal that ended it. */
static int exit_code_of(int first, int late) {
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) stop(first, late);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_a_signal_asks_to_stop(void **state) {
    (void)state;
    assert_int_equal(exit_code_of(SIGINT, 0), 4);
    assert_int_equal(exit_code_of(SIGTERM, 0), 4);
    assert_int_equal(exit_code_of(SIGHUP, 0), 4);
}

static void test_a_late_signal_does_not_change_the_exit_code(void **state) {
    (void)state;
    assert_int_equal(exit_code_of(SIGHUP, SIGHUP), 4);
    assert_int_equal(exit_code_of(SIGTERM, SIGTERM), 4); /* at once: the same request */
    assert_int_equal(exit_code_of(SIGTERM, SIGUSR1), 4);
}

static void test_handlers_are_given_back_when_nothing_asked_to_stop(void **state) {
    (void)state;
    assert_int_equal(exit_code_of(0, SIGHUP), 128 + SIGHUP);
    assert_int_equal(exit_code_of(0, SIGTERM), 128 + SIGTERM);
    assert_int_equal(exit_code_of(0, SIGUSR1), 128 + SIGUSR1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_asks_to_stop),
        cmocka_unit_test(test_a_late_signal_does_not_change_the_exit_code),
        cmocka_unit_test(test_handlers_are_given_back_when_nothing_asked_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
