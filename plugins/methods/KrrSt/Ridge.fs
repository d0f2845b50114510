/// Kernel ridge regression from features of a synthetic set to values of real samples, and the two objectives of the
/// method: pure functions of tensors. Numbers of steps in the comments are those of the README.
module KdPlugins.KrrSt.Ridge

open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

let internal refuse (what: string) : unit = raise (KdException(CoreErrors.ShapesDiffer, $"KRR-ST: {what}."))

let private requireMatrix (name: string) (t: torch.Tensor) =
    if t.dim () <> 2L then
        refuse $"{name} have to be a matrix, got {TensorText.Describe t}"

/// (1) [f, 1]: features [n, p] with a column of ones, [n, p + 1].
let WithOnes (features: torch.Tensor) : torch.Tensor =
    requireMatrix "features" features
    torch.nn.functional.pad (features, [| 0L; 1L |], value = 1.0)

/// (2)-(5) K_rs (K_ss + lambda I)^-1 Y_s with lambda = ridge * trace K_ss, which carries no gradient.
/// phiS: [m, q], of the synthetic samples. phiR: [B, q], of the real ones. targets: Y_s [m, d]. ridge: above 0.
/// Gives [B, d]. The system is solved in double precision whatever that of the features: K_ss is all but singular where
/// m is above the rank of the features. Raises KDP0303 where shapes do not fit.
[<Formula("ridge-from", Description = "K_rs (K_ss + lambda I)^-1 Y_s of features with their ones")>]
let PredictFrom (phiS: torch.Tensor, phiR: torch.Tensor, targets: torch.Tensor, ridge: float) : torch.Tensor =
    requireMatrix "features of synthetic samples" phiS
    requireMatrix "features of real samples" phiR
    requireMatrix "targets" targets

    if phiS.shape[1] <> phiR.shape[1] || phiS.shape[0] <> targets.shape[0] then
        refuse
            $"features of synthetic samples {TensorText.Describe phiS}, of real ones {TensorText.Describe phiR} and targets {TensorText.Describe targets} do not fit"

    let kSS = phiS.mm (phiS.t ()) // (2) [m, m]
    let kRS = phiR.mm (phiS.t ()) // (3) [B, m]
    let exact = kSS.to_type torch.ScalarType.Float64
    let lambda = exact.detach().trace().mul(ridge.ToScalar()) // (4)

    let identity =
        torch.eye (exact.shape[0], dtype = exact.dtype, device = exact.device)

    let dual =
        torch.linalg.solve (exact.add (identity.mul lambda), targets.to_type torch.ScalarType.Float64)

    kRS.mm (dual.to_type kRS.dtype) // (5) [B, d]

/// PredictFrom of features without their column of ones.
[<Formula("ridge-predict", Description = "ridge-from of features without their column of ones")>]
let Predict (featuresS: torch.Tensor, featuresR: torch.Tensor, targets: torch.Tensor, ridge: float) : torch.Tensor =
    PredictFrom(WithOnes featuresS, WithOnes featuresR, targets, ridge)

/// The mean over all entries of (prediction - target)^2: the inner objective L_in, and the outer one.
/// Raises KDP0303 where the shapes differ.
[<Formula("regression", Description = "the mean of (prediction - target)^2")>]
let Regression (prediction: torch.Tensor, target: torch.Tensor) : torch.Tensor =
    if prediction.shape <> target.shape then
        refuse $"predictions {TensorText.Describe prediction} and targets {TensorText.Describe target} differ in shape"

    prediction.sub(target).square().mean()

/// (6) L_out: the regression of real samples' values Y_r [B, d] on the synthetic set. A scalar with graph to the features
/// and targets of the synthetic set. Raises KDP0303 where shapes do not fit.
[<Formula("ridge-loss", Description = "L_out: the regression of real samples' values on the synthetic set")>]
let Loss
    (featuresS: torch.Tensor, featuresR: torch.Tensor, targets: torch.Tensor, realTargets: torch.Tensor, ridge: float)
    : torch.Tensor =
    Regression(Predict(featuresS, featuresR, targets, ridge), realTargets)
