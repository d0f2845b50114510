namespace Plugin._1

open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch
open TorchSharp

/// The options of the model "plugin-id-1".
[<Sealed; AllowNullLiteral>]
type KdClassOptions() =

    /// Channels of the first stage; the second has twice as many. 1 to 1024. Default: 16.
    [<Range(1, 1024)>]
    member val Width = 16 with get, set

    /// The share of the embedding that dropout sets to zero in training, 0 to 0.9. Default: 0.
    [<Range(0.0, 0.9)>]
    member val Dropout = 0.0 with get, set

type private Layer = torch.nn.Module<torch.Tensor, torch.Tensor>

/// The network. What is registered is saved, under these names; the engine moves it and sets its mode.
type internal KdClassNet(input: IReadOnlyList<int64>, classes: int64, options: KdClassOptions) as this =
    inherit torch.nn.Module<torch.Tensor, torch.Tensor>("KdClassNet")

    let stage from into =
        torch.nn.Sequential(
            struct ("conv", torch.nn.Conv2d(from, into, 3L, padding = 1L, bias = false) :> Layer),
            struct ("norm", torch.nn.BatchNorm2d into :> Layer),
            struct ("relu", torch.nn.ReLU() :> Layer),
            struct ("pool", torch.nn.MaxPool2d 2L :> Layer)
        )

    let narrow = int64 options.Width
    let wide = 2L * narrow
    let stage1 = stage input[0] narrow
    let stage2 = stage narrow wide
    let dropout = torch.nn.Dropout options.Dropout
    let head = torch.nn.Linear(wide, classes)

    // Losses ask for taps by these names; the shapes are without the batch dimension.
    let shape =
        NetworkShape(
            input,
            classes,
            wide,
            [|
                Tap("stage1", [| narrow; input[1] / 2L; input[2] / 2L |], false)
                Tap("stage2", [| wide; input[1] / 4L; input[2] / 4L |], false)
            |]
        )

    let answer (x: torch.Tensor) =
        let first = stage1.call x // [batch, width, height / 2, width / 2]
        let second = stage2.call first
        // By Traced, which 'kd export' sees as it does modules that are called.
        let embedding = Traced.Mean(second, [| 2L; 3L |]) // [batch, 2 width]
        let logits = head.call (dropout.call embedding)
        ModelOutput(logits, embedding, dict [ "stage1", first; "stage2", second ] |> Dictionary)

    // RegisterComponents would take the fields under the names that F# gives them.
    do
        this.register_module ("stage1", stage1)
        this.register_module ("stage2", stage2)
        this.register_module ("dropout", dropout)
        this.register_module ("head", head)

    override _.forward x = (answer x).Logits

    interface INetwork with
        member this.Module = this
        member _.Shape = shape
        member _.Forward(x, _, _) = answer x

/// Two stages of convolution, batch norm, ReLU and pooling, and a linear layer.
[<Sealed; KdModel("plugin-id-1", Version = "1.0.0", Description = "Two convolutional stages and a linear layer")>]
type KdClassModel() =
    inherit ModelPlugin<KdClassOptions>()

    /// Raises KDP0303 where the inputs are not images of at least 4x4 pixels.
    override this.Create request =
        let input = request.InputShape

        if input.Count <> 3 || input[1] < 4L || input[2] < 4L then
            let got = TensorText.Shape(System.ReadOnlySpan(Seq.toArray input))

            raise (
                KdException(
                    CoreErrors.ShapesDiffer,
                    $"Model 'plugin-id-1' takes images [channels, height, width] of at least 4x4, got {got}."
                )
            )

        new KdClassNet(input, request.Classes, this.Options)
