namespace KdPlugins.SelectiveFd

open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// The ratio of a client's density p to the uniform density q, r = p / q, by unconstrained least squares in the space of a Gaussian
/// kernel (KuLSIF: Kanamori, Suzuki, Sugiyama 2012): least 1/2 E_q[r^2] - E_p[r] + lambda/2 |r|^2. known u: m samples of p [m, d];
/// auxiliary v: n of q [n, d]; everything in double precision.
[<AbstractClass; Sealed>]
type Kulsif private () =

    static let scaled (t: torch.Tensor) (factor: double) : torch.Tensor = t.mul (factor.ToScalar())

    /// |a - b|^2 of rows: [N, M] of [N, d] and [M, d].
    static member internal Squares(a: torch.Tensor, b: torch.Tensor) : torch.Tensor =
        let norms (x: torch.Tensor) = x.square().sum(1L, true)
        let products = TorchOps.matmul (a, b.t ())
        (norms a + (norms b).t() - scaled products 2.0).clamp_min(0.0.ToScalar())

    /// kappa(a, b) = exp(-|a - b|^2 / (2 sigma^2)) of rows: [N, M] of [N, d] and [M, d].
    static member Kernel(a: torch.Tensor, b: torch.Tensor, sigma: double) : torch.Tensor =
        (scaled (Kulsif.Squares(a, b)) (-0.5 / (sigma * sigma))).exp()

    /// alpha [n]: (K11 / n + lambda I) alpha = -K12 1 / (n m lambda); released: the product in place of the solution.
    [<Formula("kulsif-coefficients", Description = "the solution of (K11/n + lambda I) alpha = -K12 1 / (n m lambda)")>]
    static member Coefficients
        (known: torch.Tensor, auxiliary: torch.Tensor, sigma: double, lambda: double, estimator: Estimator)
        : torch.Tensor =
        let n, m = auxiliary.shape[0], known.shape[0]

        let system =
            scaled (Kulsif.Kernel(auxiliary, auxiliary, sigma)) (1.0 / float n)
            + scaled (torch.eye (n, dtype = known.dtype, device = known.device)) lambda

        let right =
            scaled (Kulsif.Kernel(auxiliary, known, sigma).sum(1L)) (-1.0 / (float n * float m * lambda))

        match estimator with
        | Estimator.Released -> system.mv right
        | _ -> torch.linalg.solve (system, right)

    /// r(x) = sum_i alpha_i kappa(x, v_i) + 1 / (m lambda) sum_j kappa(x, u_j) of points [N, d]: [N].
    [<Formula("density-ratio", Description = "r(x) = sum alpha_i k(x, v_i) + 1 / (m lambda) sum k(x, u_j)")>]
    static member Ratios
        (
            points: torch.Tensor,
            known: torch.Tensor,
            auxiliary: torch.Tensor,
            coefficients: torch.Tensor,
            sigma: double,
            lambda: double
        ) : torch.Tensor =
        let ofKnown =
            scaled (Kulsif.Kernel(points, known, sigma).sum(1L)) (1.0 / (float known.shape[0] * lambda))

        Kulsif.Kernel(points, auxiliary, sigma).mv coefficients + ofKnown

    /// What is least at the solution: 1/2 mean r(v)^2 - mean r(u) + lambda/2 |r|^2, |r|^2 = sum alpha_i r(v_i) + sum r(u_j) / (m lambda).
    [<Formula("kulsif-objective", Description = "1/2 E_q[r^2] - E_p[r] + lambda/2 |r|^2")>]
    static member Objective
        (known: torch.Tensor, auxiliary: torch.Tensor, coefficients: torch.Tensor, sigma: double, lambda: double)
        : torch.Tensor =
        let at points = Kulsif.Ratios(points, known, auxiliary, coefficients, sigma, lambda)
        let ofAuxiliary, ofKnown = at auxiliary, at known
        let norm = coefficients.dot ofAuxiliary + scaled (ofKnown.mean ()) (1.0 / lambda)

        scaled (ofAuxiliary.square().mean()) 0.5 - ofKnown.mean ()
        + scaled norm (lambda / 2.0)
