/* Picks a command and turns its error into an exit code: the statuses are the codes. */
#include <stdio.h>

#include "cli/commands.h"

int main(int argc, char **argv) {
    lm_error err = {0};
    lm_status status = lm_commands_run(argc, (const char *const *)argv, &err);
    if (status != LM_OK) fprintf(stderr, "lmtrain: %s\n", err.message);
    return (int)status;
}
