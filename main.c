/* Picks a command and turns its error into an exit code: the statuses are the codes. */
#include <fcntl.h>
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

int main(int argc, char **argv) {
    lm_error err = {0};
    occupy_closed_streams();
    lm_status status = lm_commands_run(argc, (const char *const *)argv, &err);
    if (status != LM_OK) fprintf(stderr, "lmtrain: %s\n", err.message);
    return (int)status;
}
