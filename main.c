/* Picks a command and turns its error into an exit code: the statuses are the codes, but for a run's
 * own code of interruption. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"

/* A stream that was closed goes nowhere: else the next file opened would take its number, and what
 * is meant for people would be written into a checkpoint. */
static void occupy_closed_streams(void) {
    int fd;
    do fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) close(fd);
}

/* Files are mapped: this is how reading fails. Nothing is written over what is on disk. */
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
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write like a full disk */
    lm_status status = lm_commands_run(argc, (const char *const *)argv, &err);
    if (status != LM_OK) fprintf(stderr, "lmtrain: %s\n", err.message);
    return status != LM_OK && err.exit_code ? err.exit_code : (int)status;
}
