#include "tests/support/aborts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void child(int out, void (*function)(void *argument), void *argument) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGABRT, SIG_DFL);
    dup2(out, STDERR_FILENO);
    function(argument);
    _exit(0);
}

bool lm_test_aborts(void (*function)(void *argument), void *argument, const char *says) {
    int ends[2], status;
    char text[4096];
    size_t length = 0;
    if (pipe(ends) != 0) abort();
    fflush(NULL); /* or both processes print what is buffered */
    pid_t pid = fork();
    if (pid < 0) abort();
    if (pid == 0) child(ends[1], function, argument);
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)n;
    text[length] = '\0';
    close(ends[0]);
    if (waitpid(pid, &status, 0) != pid) abort();
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, "internal error") &&
           strstr(text, says);
}
