/* Runs a command and turns its error into an exit code. The status is the exit code, except that an
 * interrupted run may set its own (run.interrupt_exit_code). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"

/* Reopen closed standard streams on /dev/null. Otherwise a data file could be opened as descriptor
 * 1 or 2, and messages would be written into it. */
static void occupy_closed_streams(void) {
    int fd;
    do fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) close(fd);
}

/* Files are mapped: reading beyond the end of one that has shrunk raises SIGBUS. Exit at once,
 * which leaves every file as it is. */
static void on_lost_file(int number) {
    static const char text[] = "\nlmtrain: a file became shorter while it was read, or its disk"
                               " failed\n";
    (void)number;
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(LM_ERR_RUNTIME);
}

int main(int argc, char **argv) {
    lm_error err = {0};
    occupy_closed_streams();
    signal(SIGBUS, on_lost_file);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond ulimit -f fails, as on a full disk */
    lm_status status = lm_commands_run(argc, (const char *const *)argv, &err);
    /* A pipe that nobody empties does not keep the process from ending. */
    if (status != LM_OK && err.message[0] && lm_file_can_write(STDERR_FILENO, 1000))
        fprintf(stderr, "lmtrain: %s\n", err.message);
    return status != LM_OK && err.exit_code ? err.exit_code : (int)status;
}
