#include "dist/traffic.h"

#include "dist/lanes.h"

lm_traffic lm_traffic_of(int ranks, int64_t lanes, lm_traffic_model model) {
    const double bytes = 4.0 * (double)model.elements, slice = bytes / ranks,
                 others = bytes - slice;
    lm_traffic t = {.weights_out = others, .weights_in = others, .fewest_lanes = lanes};
    int all = 0, fewest = LM_LANES_TREES_MOST;
    for (int r = 0; r < ranks; r++) {
        const int64_t count = lm_lanes_of_rank(lanes, ranks, r).count;
        const int n = lm_lanes_subtrees(lanes, ranks, r);
        all += n;
        if (n > t.subtrees) t.subtrees = n;
        if (n < fewest) fewest = n;
        t.fewest_lanes = lm_min(t.fewest_lanes, count);
        t.most_lanes = lm_max(t.most_lanes, count);
    }
    t.gradients_out = t.subtrees * others;
    t.gradients_in = (all - fewest) * slice;
    const double numbers = 4.0 * (double)model.lines, lines = numbers * (double)model.columns;
    t.lines_out = (ranks - 1) * (numbers + t.subtrees * lines);
    t.lines_in = (ranks - 1) * numbers + (all - fewest) * lines;
    t.imbalance = (double)t.most_lanes * ranks / (double)lanes;
    return t;
}
