namespace KdPlugins.BackwardPass

open System
open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// How far a sample moves along its gradient g.
type StepKind =
    /// eta g / ||g||, a step of the length eta.
    | L2 = 0

    /// eta sign(g).
    | Sign = 1

    /// eta g, as the equation says it; it vanishes with the gap.
    | Raw = 2

/// Moving samples to where two networks differ.
[<AbstractClass; Sealed>]
type Ascent private () =

    /// L_BKD(x) = ||S(x) - T(x)||^2 of every sample [B], of answers [B, C].
    [<Formula("gap", Description = "||S(x) - T(x)||^2 of every sample")>]
    static member Gap(student: torch.Tensor, teacher: torch.Tensor) : torch.Tensor = (student - teacher).square().sum 1L

    /// Samples [B, ...] after one step along their gradients of the same shape. A gradient of zeros moves nothing.
    /// eta: the step's length, in the units of the samples.
    [<Formula("ascent-step", Description = "x + eta g, x + eta g / ||g|| or x + eta sign(g)")>]
    static member Step(samples: torch.Tensor, gradient: torch.Tensor, kind: StepKind, eta: double) : torch.Tensor =
        let direction =
            match kind with
            | StepKind.Raw -> gradient
            | StepKind.Sign -> gradient.sign ()
            | _ ->
                let norm = gradient.flatten(1L).norm(1, true)

                let each =
                    norm.reshape (Array.append [| -1L |] (Array.create (int (gradient.dim ()) - 1) 1L))

                gradient / each.clamp_min (1e-30.ToScalar())

        samples.add (direction.mul (eta.ToScalar()))

    /// h steps up a function of samples, each sample by its own gradient; detached.
    /// objective: of samples [B, ...] the values [B] that are to grow. confine: brings samples to where they may lie.
    static member Climb
        (
            samples: torch.Tensor,
            objective: Func<torch.Tensor, torch.Tensor>,
            steps: int,
            kind: StepKind,
            eta: double,
            confine: Func<torch.Tensor, torch.Tensor>
        ) : torch.Tensor =
        let mutable x = samples.detach ()

        for _ in 1..steps do
            use scope = torch.NewDisposeScope()
            let at = x.detach().requires_grad_ true
            let gradient = Gradients.Of([| objective.Invoke(at).sum() |], [| at |])[0]
            x <- confine.Invoke(Ascent.Step(at.detach (), gradient, kind, eta)).MoveToOuterDisposeScope()

        x

    /// Q = W_T W_S^T (W_S W_S^T)^-1: the least-squares map from a student's token embeddings [d_S, V] to a teacher's [d_T, V],
    /// for networks over text with one vocabulary. No strategy here takes text.
    [<Formula("embedding-map", Description = "Q = W_T W_S^T (W_S W_S^T)^-1")>]
    static member EmbeddingMap(student: torch.Tensor, teacher: torch.Tensor) : torch.Tensor =
        let across = student.matmul (student.t ())
        torch.linalg.solve(across, student.matmul (teacher.t ())).t()
