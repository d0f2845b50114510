namespace KdPlugins.Core

open TorchSharp


/// What a generator is bound to, once, before the first step.
[<Sealed>]
type GeneratorBinding(data: DataInfo, device: torch.Device) =

    /// What its samples have to look like.
    member _.Data = data

    /// Where its modules have to be.
    member _.Device = device

/// Makes training data. Its own training is a stage of a strategy.
[<AllowNullLiteral>]
type IGenerator =
    inherit IPlugin

    /// Fits it to the data: makes its modules.
    abstract Bind: binding: GeneratorBinding -> unit

    /// Its parameters and buffers, part of the checkpoint; null for none.
    abstract Module: torch.nn.Module

    /// New samples, with graph to its parameters. labels: int64 [count], the classes wanted; null to leave them open.
    abstract Sample: count: int64 * labels: Tensor * context: IPartContext -> Batch

/// A generator whose samples are functions of a latent vector, so that a method can choose or learn the vector.
[<AllowNullLiteral>]
type ILatentGenerator =
    inherit IGenerator

    /// The length of the latent vector; its entries are drawn from N(0, 1).
    abstract Latent: int64

    /// The samples' inputs for latent vectors [B, Latent], see Batch.Input; with graph to the vectors and to the module's
    /// parameters.
    abstract Decode: latent: Tensor -> Tensor
