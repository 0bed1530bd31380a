/* The picture of configs/sweeps/widths.json: losses over learning rates, a line for each width, a
 * panel for each parametrization.
 *
 *     widths leaderboard.csv >widths.svg */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view/powers.h"

#define BELOW 2.4 /* all losses: axes are logarithmic, and losses lie close to each other */
enum { PANELS = 2, WIDTHS = 4, RATES = 8, COLUMNS = 24, LINE = 4096 };
static const char *const titles[PANELS] = {"validation loss less 2.4, standard",
                                           "validation loss less 2.4, mup"};
static const double widths[WIDTHS] = {64, 128, 256, 512};
static const char *const labels[WIDTHS] = {"d_model 64", "128", "256", "512"};
static const double rates[RATES] = {5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2, 6.4e-2};

static int find(const double *values, int n, double x) {
    int i = 0;
    while (i < n && fabs(values[i] - x) > 1e-6 * x) i++;
    return i;
}

/* Cuts a line of CSV at commas outside of quotes; returns how many fields it has. */
static int cut(char *line, char **fields) {
    int n = 0;
    bool quoted = false;
    fields[n++] = line;
    for (char *at = line; *at && n < COLUMNS; at++) {
        quoted ^= *at == '"';
        if (*at != ',' || quoted) continue;
        *at = '\0';
        fields[n++] = at + 1;
    }
    return n;
}

static int column(char **names, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return i;
    fprintf(stderr, "widths: there is no column %s\n", name);
    exit(2);
}

static void read_losses(FILE *file, double losses[PANELS][WIDTHS][RATES]) {
    char head[LINE], line[LINE], *names[COLUMNS], *fields[COLUMNS];
    if (!fgets(head, sizeof head, file)) exit(2);
    head[strcspn(head, "\r\n")] = '\0';
    const int n = cut(head, names), model = column(names, n, "model"),
              width = column(names, n, "model.d_model"), rate = column(names, n, "optimizer.lr"),
              loss = column(names, n, "loss");
    while (fgets(line, sizeof line, file)) {
        if (cut(line, fields) != n) continue;
        int w = find(widths, WIDTHS, atof(fields[width])),
            r = find(rates, RATES, atof(fields[rate]));
        if (w < WIDTHS && r < RATES)
            losses[strstr(fields[model], "mup") != NULL][w][r] = atof(fields[loss]) - BELOW;
    }
}

int main(int argc, char **argv) {
    static double losses[PANELS][WIDTHS][RATES]; /* 0: not tried, and left out */
    lm_power_line lines[PANELS][WIDTHS];
    lm_power_panel panels[PANELS];
    lm_text svg = {0};
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!file) return fprintf(stderr, "widths: expected a leaderboard.csv\n"), 2;
    read_losses(file, losses);
    fclose(file);
    for (int p = 0; p < PANELS; p++) {
        for (int w = 0; w < WIDTHS; w++)
            lines[p][w] = (lm_power_line){.label = labels[w], .slope = NAN, .y = losses[p][w]};
        panels[p] = (lm_power_panel){.title = titles[p],
                                     .unit = "learning rate",
                                     .n = RATES,
                                     .x = rates,
                                     .count = WIDTHS,
                                     .lines = lines[p]};
    }
    lm_powers_svg(panels, PANELS, &svg);
    fputs(lm_text_cstr(&svg), stdout);
    lm_text_free(&svg);
    return 0;
}
