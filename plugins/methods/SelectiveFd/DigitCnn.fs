namespace KdPlugins.SelectiveFd

open System.Collections.Generic
open System.ComponentModel.DataAnnotations
open KdPlugins.Core
open KdPlugins.Sdk
open KdPlugins.Torch
open TorchSharp

/// The options of the model "digit-cnn".
[<Sealed; AllowNullLiteral>]
type DigitCnnOptions() =

    /// The share of the embedding that dropout sets to zero in training. 0 to 0.9; default 0.5.
    [<Range(0.0, 0.9)>]
    member val Dropout = 0.5 with get, set

/// The network; its parts bear the names of the published code.
type internal DigitCnn(input: IReadOnlyList<int64>, classes: int64, share: double) as this =
    inherit torch.nn.Module<torch.Tensor, torch.Tensor>("digit-cnn")

    let halved side = (side - 4L) / 2L
    let sides = [| halved input[1]; halved input[2] |]
    let flat = 20L * halved sides[0] * halved sides[1]
    let conv1 = torch.nn.Conv2d(input[0], 10L, 5L)
    let conv2 = torch.nn.Conv2d(10L, 20L, 5L)
    let fc1 = torch.nn.Linear(flat, 50L)
    let dropout = torch.nn.Dropout share
    let fc2 = torch.nn.Linear(50L, classes)

    let taps =
        [|
            Tap("layer1", [| 10L; sides[0]; sides[1] |], false)
            Tap("layer2", [| 20L; halved sides[0]; halved sides[1] |], false)
        |]

    let shape = NetworkShape(input, classes, 50L, taps)

    let answer (x: torch.Tensor) =
        let pooled (x: torch.Tensor) = Traced.Relu(Traced.MaxPool2d(x, 2L, 2L))
        let first = pooled (conv1.call x)
        let second = pooled (conv2.call first)
        let embedding = Traced.Relu(fc1.call (Traced.Flatten second))
        let logits = fc2.call (dropout.call embedding)
        ModelOutput(logits, embedding, Dictionary(dict [ "layer1", first; "layer2", second ]))

    do
        this.register_module ("conv1", conv1)
        this.register_module ("conv2", conv2)
        this.register_module ("fc1", fc1)
        this.register_module ("dropout", dropout)
        this.register_module ("fc2", fc2)

    override _.forward x = (answer x).Logits

    interface INetwork with
        member this.Module = this
        member _.Shape = shape
        member _.Forward(x, _, _) = answer x

/// The clients' network of the published code: two convolutions of 5x5, each with a max-pool, and two linear layers with dropout
/// between them; 21,840 parameters for digits of 28x28.
[<Sealed;
  KdModel("digit-cnn",
          Description =
              "Two convolutions of 5x5 and two linear layers, the clients' network of Selective-FD's published code")>]
type DigitCnnPlugin() =
    inherit ModelPlugin<DigitCnnOptions>()

    /// Raises KDP0303 where the inputs are not images of at least 16x16 pixels.
    override this.Create request =
        let input = request.InputShape

        if input.Count <> 3 || input[1] < 16L || input[2] < 16L then
            let got = TensorText.Shape(System.ReadOnlySpan(Seq.toArray input))
            raise (this.Asker.WrongShape($"takes images [channels, height, width] of at least 16x16, got {got}."))

        new DigitCnn(input, request.Classes, this.Options.Dropout)
