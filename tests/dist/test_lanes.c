/* The tree over lanes against its definition, for every number of lanes, whole and in the runs of
 * several owners; the number of arrays that it needs. */
#include "tests/support/test.h"

#include <string.h>

#include "dist/lanes.h"
#include "dist/traffic.h"
#include "tests/support/layers.h"

enum { LENGTH = 66001, MOST_LOG = 4 }; /* more than one task, and not a multiple of anything */

static float *gradient_of(int64_t lane) {
    return layers_random(LENGTH, 1 + (uint64_t)lane, -1, 1);
}

/* ((l0 + l1) + (l2 + l3)) + ..., from its definition; freed by layers_free_all. */
static float *tree(int64_t first, int64_t lanes) {
    if (lanes == 1) return gradient_of(first);
    float *left = tree(first, lanes / 2), *right = tree(first + lanes / 2, lanes / 2);
    for (int64_t i = 0; i < LENGTH; i++) left[i] += right[i];
    return left;
}

/* Lanes first .. first+count-1 into l. */
static void run(lm_lanes *l, float **buffers, int64_t first, int64_t count) {
    lm_lanes_begin(l, buffers, LENGTH);
    for (int64_t lane = first; lane < first + count; lane++) {
        memcpy(lm_lanes_buffer(l), gradient_of(lane), LENGTH * sizeof(float));
        lm_lanes_add_span(l, &layers_compute, lane, (lm_span){0, LENGTH});
        lm_lanes_take(l, lane);
    }
}

static void take_buffers(float **buffers, int n) {
    for (int i = 0; i < n; i++) buffers[i] = layers_floats(LENGTH);
}

static void test_all_lanes_are_the_balanced_tree(void **state) {
    (void)state;
    for (int64_t lanes = 1; lanes <= 1 << MOST_LOG; lanes *= 2) {
        lm_lanes l;
        float *buffers[MOST_LOG + 1] = {0}; /* NULL: one array too many would crash */
        take_buffers(buffers, lm_lanes_buffers(lanes));
        for (int again = 0; again < 2; again++) {
            run(&l, buffers, 0, lanes);
            assert_int_equal(l.count, 1);
            assert_int_equal(l.trees[0].lanes, lanes);
            assert_ptr_equal(l.trees[0].sum, buffers[0]);
            layers_same_bits("sum", tree(0, lanes), buffers[0], LENGTH);
        }
        layers_free_all();
    }
}

/* n lanes made at the same time, each in the array that it is given; twice, since arrays change
 * places. */
static void run_abreast(lm_lanes *l, float **buffers, int64_t lanes, int64_t n) {
    float *gradients[1 << MOST_LOG];
    lm_lanes_begin(l, buffers, LENGTH);
    for (int64_t lane = 0; lane < lanes; lane += n) {
        for (int64_t i = n - 1; i >= 0; i--) {
            gradients[i] = lm_lanes_buffer_of(l, i);
            memcpy(gradients[i], gradient_of(lane + i), LENGTH * sizeof(float));
        }
        for (int64_t i = 0; i < n; i++) {
            lm_lanes_bring(l, gradients[i]);
            lm_lanes_add_span(l, &layers_compute, lane + i, (lm_span){0, LENGTH});
            lm_lanes_take(l, lane + i);
        }
    }
}

static void test_lanes_abreast(void **state) {
    (void)state;
    for (int64_t lanes = 1; lanes <= 1 << MOST_LOG; lanes *= 2)
        for (int64_t n = 1; n <= lanes; n *= 2) {
            lm_lanes l;
            float *buffers[MOST_LOG + (1 << MOST_LOG)] = {0}; /* NULL, as above */
            take_buffers(buffers, (int)lm_lanes_buffers_abreast(lanes, n));
            const float *first = buffers[0];
            for (int again = 0; again < 2; again++) {
                run_abreast(&l, buffers, lanes, n);
                assert_int_equal(l.count, 1);
                assert_ptr_equal(buffers[0], first);
                layers_same_bits("sum", tree(0, lanes), buffers[0], LENGTH);
            }
            layers_free_all();
        }
}

/* The last lane in pieces, from the end on: the same bits and trees as in one. */
static void test_a_lane_in_pieces(void **state) {
    static const lm_span pieces[] = {{65000, LENGTH}, {7, 65000}, {0, 7}};
    (void)state;
    for (int64_t last = 0; last < 8; last++) {
        float *buffers[MOST_LOG + 1], *again[MOST_LOG + 1];
        lm_lanes l, m;
        take_buffers(buffers, MOST_LOG + 1);
        take_buffers(again, MOST_LOG + 1);
        run(&l, buffers, 0, last + 1);
        run(&m, again, 0, last);
        memcpy(lm_lanes_buffer(&m), gradient_of(last), LENGTH * sizeof(float));
        for (int i = 0; i < 3; i++) lm_lanes_add_span(&m, &layers_compute, last, pieces[i]);
        lm_lanes_take(&m, last);
        assert_int_equal(l.count, m.count);
        for (int i = 0; i < l.count; i++) {
            assert_int_equal(l.trees[i].lanes, m.trees[i].lanes);
            layers_same_bits("sum", l.trees[i].sum, m.trees[i].sum, LENGTH);
        }
        layers_free_all();
    }
}

/* A matrix in the middle, of which lanes reach other lines: adding those that any lane so far has
 * reached is adding all. */
static void test_lines_alone(void **state) {
    enum { AT = 1000, COLUMNS = 30, LINES = 2000, LANES = 8, END = AT + COLUMNS * LINES };
    static int32_t reached[LINES];
    float *buffers[MOST_LOG + 1], *again[MOST_LOG + 1];
    lm_lanes l, m;
    (void)state;
    take_buffers(buffers, MOST_LOG + 1);
    take_buffers(again, MOST_LOG + 1);
    lm_lanes_begin(&l, buffers, LENGTH);
    lm_lanes_begin(&m, again, LENGTH);
    for (int64_t lane = 0; lane < LANES; lane++) {
        lm_lines lines = {reached, 0};
        float *x = gradient_of(lane);
        for (int32_t i = 0; i < LINES; i++) {
            if (i % 7 >= lane) memset(x + AT + COLUMNS * i, 0, COLUMNS * sizeof *x);
            if (i % 7 <= lane && lane > 0) reached[lines.count++] = i;
        }
        memcpy(lm_lanes_buffer(&l), x, LENGTH * sizeof *x);
        memcpy(lm_lanes_buffer(&m), x, LENGTH * sizeof *x);
        lm_lanes_add_span(&l, &layers_compute, lane, (lm_span){0, LENGTH});
        lm_lanes_add_span(&m, &layers_compute, lane, (lm_span){0, AT});
        lm_lanes_add_span(&m, &layers_compute, lane, (lm_span){END, LENGTH});
        lm_lanes_add_lines(&m, &layers_compute, lane, AT, COLUMNS, lines);
        lm_lanes_take(&l, lane);
        lm_lanes_take(&m, lane);
    }
    assert_int_equal(m.count, 1);
    layers_same_bits("sum", buffers[0], again[0], LENGTH);
    layers_free_all();
}

/* Owners of runs that are no subtrees: what they are left with are the largest subtrees, each with
 * the bits that it has in the whole. */
static void test_owners_of_runs(void **state) {
    (void)state;
    enum { LANES = 8 };
    for (int64_t first = 0; first < LANES; first++)
        for (int64_t end = first + 1; end <= LANES; end++) {
            lm_lanes l;
            float *buffers[LANES];
            int64_t next = first;
            const lm_lanes_run own = {first, end - first};
            lm_lanes_tree trees[LM_LANES_TREES_MOST];
            memset(buffers, 0, sizeof buffers); /* as above */
            take_buffers(buffers, lm_lanes_run_buffers(own));
            (void)lm_lanes_trees(own, trees);
            run(&l, buffers, first, end - first);
            for (int i = 0; i < l.count; i++) {
                const lm_lanes_tree *t = &l.trees[i];
                assert_int_equal(t->first, next);
                assert_true(trees[i].first == t->first && trees[i].lanes == t->lanes);
                assert_true(lm_lanes_valid(t->lanes) && t->first % t->lanes == 0);
                /* no larger one: its parent is not within the run */
                int64_t parent = t->first / (2 * t->lanes) * 2 * t->lanes;
                assert_true(parent < first || parent + 2 * t->lanes > end);
                layers_same_bits("subtree", tree(t->first, t->lanes), t->sum, LENGTH);
                next += t->lanes;
            }
            assert_int_equal(next, end);
            assert_int_equal(lm_lanes_trees(own, trees), l.count);
            layers_free_all();
        }
}

/* Any number of ranks has all lanes, in order, and none has more than one more than another. */
static void test_lanes_of_ranks(void **state) {
    (void)state;
    for (int64_t lanes = 1; lanes <= 64; lanes *= 2)
        for (int ranks = 1; ranks <= lanes; ranks++) {
            int64_t next = 0;
            for (int r = 0; r < ranks; r++) {
                lm_lanes_run run = lm_lanes_of_rank(lanes, ranks, r);
                assert_int_equal(run.first, next);
                assert_in_range(run.count, lanes / ranks, lm_divide_up(lanes, ranks));
                next += run.count;
            }
            assert_int_equal(next, lanes);
        }
}

static void test_numbers_of_lanes(void **state) {
    (void)state;
    for (int64_t lanes = -4; lanes <= 70; lanes++) {
        bool power = false;
        for (int64_t p = 1; p <= 64; p *= 2) power |= lanes == p;
        assert_true(lm_lanes_valid(lanes) == power);
    }
    assert_true(lm_lanes_valid(LM_LANES_MOST));
    assert_false(lm_lanes_valid(2 * (int64_t)LM_LANES_MOST));
    assert_int_equal(lm_lanes_buffers(1), 1);
    assert_int_equal(lm_lanes_buffers(8), 4);
    assert_int_equal(lm_lanes_buffers(LM_LANES_MOST), LM_LANES_LOG_MOST + 1);
}

/* Every subtree of a rank goes, in slices, to all others: counted one by one. */
static void test_traffic(void **state) {
    (void)state;
    for (int64_t lanes = 1; lanes <= 32; lanes *= 2)
        for (int ranks = 1; ranks <= lanes; ranks++) {
            const int64_t n = 1000 * ranks;
            const lm_traffic t = lm_traffic_of(ranks, lanes, (lm_traffic_model){n, 3, 5});
            double out = 0, in = 0;
            for (int me = 0; me < ranks; me++) {
                double sent = 0, got = 0;
                for (int r = 0; r < ranks; r++) {
                    if (r == me) continue;
                    sent += 4000.0 * lm_lanes_subtrees(lanes, ranks, me);
                    got += 4000.0 * lm_lanes_subtrees(lanes, ranks, r);
                }
                out = sent > out ? sent : out;
                in = got > in ? got : in;
            }
            assert_true(t.gradients_out == out && t.gradients_in == in);
            assert_true(t.lines_out == out * 15 / 1000 + 12 * (ranks - 1));
            assert_true(t.lines_in == in * 15 / 1000 + 12 * (ranks - 1));
            assert_true(t.weights_out == 4000.0 * (ranks - 1) && t.weights_in == t.weights_out);
            if (lanes % ranks == 0) assert_true(t.subtrees == 1 || ranks == 1);
            if (lanes == 8) assert_in_range(t.subtrees, 1, 2);
        }
    const lm_traffic_model some = {.elements = 30};
    assert_true(lm_traffic_of(3, 8, some).imbalance == 1.125);
    assert_true(lm_traffic_of(4, 8, some).imbalance == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_lanes_are_the_balanced_tree),
        cmocka_unit_test(test_lanes_abreast),
        cmocka_unit_test(test_a_lane_in_pieces),
        cmocka_unit_test(test_lines_alone),
        cmocka_unit_test(test_owners_of_runs),
        cmocka_unit_test(test_lanes_of_ranks),
        cmocka_unit_test(test_numbers_of_lanes),
        cmocka_unit_test(test_traffic),
    };
    return cmocka_run_group_tests_name("lanes", tests, layers_open_group, layers_close_group);
}
