namespace Plugin._1

open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch
open TorchSharp

/// The options of the generator "plugin-id-1".
[<Sealed; AllowNullLiteral>]
type KdClassOptions() =

    /// The length of the latent vector, 1 to 4096. Default: 64.
    [<Range(1, 4096)>]
    member val Latent = 64 with get, set

    /// Values of the hidden layer, 1 to 8192. Default: 256.
    [<Range(1, 8192)>]
    member val Width = 256 with get, set

type private Layer = torch.nn.Module<torch.Tensor, torch.Tensor>

/// Images in [0, 1] from z ~ N(0, I) by two linear layers, as the generators of the first GANs had them.
[<Sealed;
  KdGenerator("plugin-id-1",
              Version = "1.0.0",
              Description = "Images from latent vectors by two linear layers",
              Paper = "Goodfellow et al.: Generative Adversarial Nets, 2014")>]
type KdClassGenerator() =
    inherit Generator<KdClassOptions>()

    let mutable net: Layer = null
    let mutable shape: int64 array = [||]

    let refuse code detail = raise (KdException(code, $"Generator 'plugin-id-1' {detail}"))

    member private this.Latent = int64 this.Options.Latent

    override _.Module = net

    /// Raises KDP0303 where the data are not images.
    override this.Bind binding =
        if binding.Data.Kind <> InputKind.Image then
            refuse CoreErrors.ShapesDiffer $"makes images, and the data are of the kind {binding.Data.Kind}."

        // [channels, height, width]
        shape <- Seq.toArray binding.Data.InputShape
        let width = int64 this.Options.Width
        let pixels = Array.fold (*) 1L shape

        net <-
            torch.nn.Sequential(
                struct ("hidden", torch.nn.Linear(this.Latent, width) :> Layer),
                struct ("slope", torch.nn.LeakyReLU 0.2 :> Layer),
                struct ("pixels", torch.nn.Linear(width, pixels) :> Layer),
                struct ("range", torch.nn.Sigmoid() :> Layer)
            )

        net.``to`` binding.Device |> ignore

    /// Raises KDP0306 where classes are asked for: this generator knows none.
    override this.Sample(count, labels, context) =
        if not (isNull labels) then
            refuse CoreErrors.WrongCombination "cannot be asked for classes."

        use random = context.Random.NewGenerator context.Device

        let z =
            torch.randn ([| count; this.Latent |], device = context.Device, generator = random)

        let none = torch.full (count, -1L, torch.int64)
        Batch((this :> ILatentGenerator).Decode z, NoTarget count, none)

    interface ILatentGenerator with

        member this.Latent = this.Latent

        /// Raises KDP0303 where the vectors are not [batch, Latent].
        member this.Decode latent =
            if latent.dim () <> 2L || latent.shape[1] <> this.Latent then
                refuse
                    CoreErrors.ShapesDiffer
                    $"takes latent vectors [batch, {this.Latent}], got {TensorText.Describe latent}."

            (net.call latent).view(Array.append [| latent.shape[0] |] shape)
