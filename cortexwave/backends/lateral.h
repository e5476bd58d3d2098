// Lateral sums of a sheet: past frames with halos, and weighted sums over taps.
//
// All memory belongs to the caller; nothing here is static, so that two sheets in one
// process know nothing of each other. Every record is made of 8-byte words, in the
// order of the dtypes in _brian2_lateral.py. No backslashes: this text is embedded.
#ifndef CORTEXWAVE_LATERAL
#define CORTEXWAVE_LATERAL
#include <cmath>
#include <cstdint>
#include <cstring>

namespace cortexwave {

#if defined(__AVX512F__)
enum { WIDTH = 8 };
#elif defined(__AVX__)
enum { WIDTH = 4 };
#else
enum { WIDTH = 2 };
#endif
typedef double lanes __attribute__((vector_size(8 * WIDTH)));
typedef double loose __attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));

static inline lanes load(const double *from) { return *(const loose *)from; }
static inline void store(double *to, lanes value) { *(loose *)to = value; }

// A field that decays would end in denormal numbers, a hundred times slower to reckon
// with; below this it is 0. Written out, since the mode bit that does the same would
// change arithmetic in the rest of the process.
static const double NOTHING = 1e-280;

struct Source {
    double *values;        // (feature, y, x)
    const double *gain;    // (feature, y, x), or null for 1
    double *ring;          // (age, feature, row, stride), halos included
    int64_t ages, halo_y, halo_x, stride, plane, frame;
    const int64_t *rows;   // site that a row with halo shows; -1 is outside
    const int64_t *columns;
};

struct Sum {
    int64_t source, separable, origin, terms, height, width, delay;
    const int64_t *offsets;  // direct: of each tap, from the site's own place
    const int64_t *delays;   // direct: of each tap
    const double *weights;   // direct: of each tap; separable: columns, then rows
    const double *after;     // (y, x), or null for 1
    double *out;             // (y, x)
};

struct Plan {
    int64_t features, ny, nx;
    int64_t n_sources;
    const Source *sources;
    int64_t n_sums;
    const Sum *sums;
    int64_t n_states;
    double **states;         // other states, to be cleared of denormals
    double *scratch;         // (rank, row, stride) of the largest separable sum
    int64_t scratch_stride;
    const double **places;   // one for each tap of the largest direct sum
};

static inline double cleared(double value) {
    return std::fabs(value) < NOTHING ? 0.0 : value;
}

static inline void push(const Plan &plan, const Source &source, int64_t step) {
    const int64_t ny = plan.ny, nx = plan.nx, halo = source.halo_x;
    const int64_t high = ny + 2 * source.halo_y, wide = nx + 2 * halo;
    double *frame = source.ring + (step % source.ages) * source.frame;
    for (int64_t feature = 0; feature < plan.features; feature++) {
        double *plane = frame + feature * source.plane;
        for (int64_t y = 0; y < ny; y++) {
            const int64_t first = (feature * ny + y) * nx;
            double *__restrict values = source.values + first;
            double *row = plane + (y + source.halo_y) * source.stride;
            double *__restrict inner = row + halo;
            if (source.gain) {
                const double *__restrict gain = source.gain + first;
                for (int64_t x = 0; x < nx; x++) {
                    values[x] = cleared(values[x]);
                    inner[x] = gain[x] * values[x];
                }
            } else {
                for (int64_t x = 0; x < nx; x++)
                    inner[x] = values[x] = cleared(values[x]);
            }
            for (int64_t x = 0; x < halo; x++) {
                const int64_t left = source.columns[x];
                const int64_t right = source.columns[halo + nx + x];
                if (left >= 0) row[x] = inner[left];
                if (right >= 0) inner[nx + x] = inner[right];
            }
        }
        for (int64_t y = 0; y < high; y++) {
            if (y == source.halo_y) y += ny;
            if (y >= high || source.rows[y] < 0) continue;
            std::memcpy(
                plane + y * source.stride,
                plane + (source.rows[y] + source.halo_y) * source.stride,
                wide * sizeof(double));
        }
    }
}

// Sums of BLOCK vectors of a row: taps at `place(k)`, weights at `weights[k]`.
template <int BLOCK, class Place>
static inline void gather(
    lanes *total, int64_t terms, const double *__restrict weights, Place place
) {
    for (int64_t k = 0; k < terms; k++) {
        const double *from = place(k);
        const double weight = weights[k];
        for (int b = 0; b < BLOCK; b++) total[b] += weight * load(from + b * WIDTH);
    }
}

// Write BLOCK vectors to a row that ends after `left` values.
template <int BLOCK>
static inline void put(
    double *out, const lanes *total, const double *after, int64_t left
) {
    if (left >= BLOCK * WIDTH) {
        for (int b = 0; b < BLOCK; b++)
            store(out + b * WIDTH,
                  after ? total[b] * load(after + b * WIDTH) : total[b]);
        return;
    }
    double values[BLOCK * WIDTH];
    for (int b = 0; b < BLOCK; b++) store(values + b * WIDTH, total[b]);
    for (int64_t x = 0; x < left; x++) out[x] = after ? after[x] * values[x] : values[x];
}

template <int BLOCK>
static inline void direct_block(
    const Plan &plan, const Sum &sum, int64_t shift, int64_t site, int64_t left
) {
    lanes total[BLOCK] = {};
    const double *const *places = plan.places;
    gather<BLOCK>(total, sum.terms, sum.weights,
                  [=](int64_t k) { return places[k] + shift; });
    put<BLOCK>(sum.out + site, total, sum.after ? sum.after + site : 0, left);
}

static inline void direct(const Plan &plan, const Sum &sum, int64_t step) {
    const Source &source = plan.sources[sum.source];
    for (int64_t k = 0; k < sum.terms; k++) {
        // the step is never less than 0, but the past before step 0 is
        const int64_t age = (step - sum.delays[k]) % source.ages;
        const int64_t slot = age < 0 ? age + source.ages : age;
        plan.places[k] =
            source.ring + slot * source.frame + sum.origin + sum.offsets[k];
    }
    for (int64_t y = 0; y < plan.ny; y++) {
        const int64_t shift = y * source.stride, site = y * plan.nx;
        int64_t x = 0;
        for (; x + 3 * WIDTH < plan.nx; x += 4 * WIDTH)
            direct_block<4>(plan, sum, shift + x, site + x, plan.nx - x);
        for (; x < plan.nx; x += WIDTH)
            direct_block<1>(plan, sum, shift + x, site + x, plan.nx - x);
    }
}

template <int BLOCK>
static inline void along_row(
    const double *from, const double *weights, int64_t width, double *to
) {
    lanes total[BLOCK] = {};
    gather<BLOCK>(total, width, weights, [=](int64_t k) { return from + k; });
    for (int b = 0; b < BLOCK; b++) store(to + b * WIDTH, total[b]);
}

template <int BLOCK>
static inline void along_column(
    const Plan &plan, const Sum &sum, int64_t y, int64_t x
) {
    const int64_t stride = plan.scratch_stride, site = y * plan.nx + x;
    const int64_t rows = plan.ny + sum.height - 1;
    const double *from = plan.scratch + y * stride + x;
    lanes total[BLOCK] = {};
    for (int64_t rank = 0; rank < sum.terms; rank++) {
        const double *top = from + rank * rows * stride;
        gather<BLOCK>(total, sum.height, sum.weights + rank * sum.height,
                      [=](int64_t k) { return top + k * stride; });
    }
    put<BLOCK>(sum.out + site, total, sum.after ? sum.after + site : 0, plan.nx - x);
}

static inline void separable(const Plan &plan, const Sum &sum, int64_t step) {
    const Source &source = plan.sources[sum.source];
    const int64_t nx = plan.nx, rows = plan.ny + sum.height - 1;
    const int64_t age = (step - sum.delay) % source.ages;
    const int64_t slot = age < 0 ? age + source.ages : age;
    const double *from = source.ring + slot * source.frame + sum.origin;
    const double *weights = sum.weights + sum.terms * sum.height;
    double *to = plan.scratch;
    for (int64_t rank = 0; rank < sum.terms; rank++, weights += sum.width)
        for (int64_t y = 0; y < rows; y++, to += plan.scratch_stride) {
            const double *row = from + y * source.stride;
            int64_t x = 0;
            for (; x + 3 * WIDTH < nx; x += 4 * WIDTH)
                along_row<4>(row + x, weights, sum.width, to + x);
            for (; x < nx; x += WIDTH)
                along_row<1>(row + x, weights, sum.width, to + x);
        }
    for (int64_t y = 0; y < plan.ny; y++) {
        int64_t x = 0;
        for (; x + 3 * WIDTH < nx; x += 4 * WIDTH) along_column<4>(plan, sum, y, x);
        for (; x < nx; x += WIDTH) along_column<1>(plan, sum, y, x);
    }
}

// All couplings of a step. Called twice in a step it does the same twice: the place
// of a frame in its ring follows from the step.
static double couple(const int64_t *address, int64_t step) {
    const Plan &plan = *(const Plan *)address;
    for (int64_t s = 0; s < plan.n_states; s++) {
        double *__restrict values = plan.states[s];
        const int64_t sites = plan.features * plan.ny * plan.nx;
        for (int64_t site = 0; site < sites; site++)
            values[site] = cleared(values[site]);
    }
    for (int64_t s = 0; s < plan.n_sources; s++) push(plan, plan.sources[s], step);
    for (int64_t s = 0; s < plan.n_sums; s++) {
        const Sum &sum = plan.sums[s];
        if (sum.separable)
            separable(plan, sum, step);
        else
            direct(plan, sum, step);
    }
    return 0.0;
}

}  // namespace cortexwave
#endif
