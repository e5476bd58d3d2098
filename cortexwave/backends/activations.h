// Functions of model equations that the compiler can vectorise: no branch, no call.
//
// The exponential is that of Cephes (Moshier 1989): x = k ln 2 + r, a rational
// approximation of exp(r), and k added to the exponent by its bits. Clamped, so that
// it neither overflows nor ends in denormal numbers; NaN stays NaN. No backslashes:
// this text is embedded.
#ifndef CORTEXWAVE_ACTIVATIONS
#define CORTEXWAVE_ACTIVATIONS
#include <cmath>
#include <cstdint>
#include <cstring>

namespace cortexwave {

// a - b * c, which the compiler must not merge with its neighbours: -ffast-math
// would add up the parts of ln 2 or pi and so lose what the later ones are there for.
// (GCC 12 loses __builtin_assoc_barrier when it vectorises.)
static inline double less(double a, double b, double c) {
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_fma(-b, c, a);
#else
    volatile double kept = a - b * c;
    return kept;
#endif
}

// exp(x) = scale * (below + above) / (below - above)
struct Exponential { double above, below, scale; };

static inline Exponential exponential(double x) {
    x = x < -708.0 ? -708.0 : x;
    x = x > 708.0 ? 708.0 : x;
    const double k = std::rint(x * 1.4426950408889634074);
    const double r = less(less(x, k, 6.93145751953125e-1), k, 1.42860682030941723212e-6);
    const double z = r * r;
    const double above = r * (1.0 + z * (3.02994407707441961300e-2
                              + z * 1.26177193074810590878e-4));
    const double below = 2.0 + z * (2.27265548208155028766e-1
                         + z * (2.52448340349684104192e-3
                         + z * 3.00198505138664455042e-6));
    // by way of 32 bits, which every vector unit can convert
    const int64_t bits = ((int64_t)(int32_t)k + 1023) << 52;
    double scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return {above, below, scale};
}

static inline double fast_exp(double x) {
    const Exponential e = exponential(x);
    return e.scale * (1.0 + 2.0 * e.above / (e.below - e.above));
}

// One division: the exponential's own is that of 1 / (1 + exp(-x)).
static inline double sigmoid(double x) {
    const Exponential e = exponential(-x);
    const double below = e.below - e.above;
    return below / (below + e.scale * (e.below + e.above));
}

// Near 0, x + x^3 P(x^2)/Q(x^2) (Cephes), where 1 - 2/(exp(2x) + 1) loses digits.
static inline double fast_tanh(double x) {
    const double size = std::fabs(x), z = x * x;
    const double p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z
                     - 1.61468768441708447952e3;
    const double q = ((z + 1.12811678491632931402e2) * z
                      + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
    const double near = x + x * z * (p / q);
    const double far = std::copysign(1.0 - 2.0 * sigmoid(-2.0 * size), x);
    return size < 0.625 ? near : far;
}

// sin(x + quarter * pi / 2): pi / 2 in three parts (Cody & Waite 1980) and the two
// polynomials of fdlibm (Sun 1993), of which the quadrant takes one.
static inline double turned(double x, double quarter) {
    const double k = std::rint(x * 6.36619772367581382433e-01);
    const double r = less(less(less(x, k, 1.57079632673412561417e+00), k,
                               6.07710050630396597660e-11), k,
                          2.02226624879595063154e-21);
    const double z = r * r;
    const double sine = r + r * z * (-1.66666666666666324348e-01
        + z * (8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04
        + z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08
        + z * 1.58969099521155010221e-10)))));
    const double cosine = 1.0 - 0.5 * z + z * z * (4.16666666666666019037e-02
        + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05
        + z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09
        + z * -1.13596475577881948265e-11)))));
    const double turns = k + quarter;
    const double quadrant = turns - 4.0 * std::floor(0.25 * turns);  // 0, 1, 2, 3
    const double half = quadrant >= 2.0 ? quadrant - 2.0 : quadrant;
    const double size = half == 0.0 ? sine : cosine;
    return quadrant >= 2.0 ? -size : size;
}

static inline double fast_sin(double x) { return turned(x, 0.0); }
static inline double fast_cos(double x) { return turned(x, 1.0); }

static inline double relu(double x) { return x < 0.0 ? 0.0 : x; }
static inline double identity(double x) { return x; }
static inline double step(double x) { return x > 0.0 ? 1.0 : 0.0; }

}  // namespace cortexwave
#endif
