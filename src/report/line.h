/* What all lines of progress share: where they can be drawn again, what time of day they begin
 * with elsewhere, how long something takes. Inside the room. */
#ifndef LM_REPORT_LINE_H
#define LM_REPORT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LM_LINE_CLEAR "\r\033[K"

/* Can a line be drawn again on this stream? */
bool lm_line_is_terminal(FILE *stream);
/* Width of the terminal; 80 when it cannot be found out. */
size_t lm_line_columns(FILE *stream);
/* Where no terminal shows when a line came, it begins with the time of day: "15:04:05 ". */
void lm_line_print_time(FILE *stream);
/* "0:41", "1:02:03", "2d 3:04:05"; "-" for what is no such time. Overwrites out, returns it. */
const char *lm_line_duration(char *out, size_t size, double seconds);

#endif
