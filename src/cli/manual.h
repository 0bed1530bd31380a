/* The manual page, from the tables of commands, options, exit codes and config keys. */
#ifndef LM_CLI_MANUAL_H
#define LM_CLI_MANUAL_H

#include "base/text.h"

/* Appends lmtrain(1) as roff with the man macros. */
void lm_manual(lm_text *out);

#endif
