namespace KdPlugins.DataFree

open System
open System.Collections.Generic
open TorchSharp
open TorchSharp.Modules
open KdPlugins.Core
open KdPlugins.Torch

/// What CMI adds: images are to be told apart from each other and from a bank of earlier ones by what they make of the teacher's
/// batch norms.
[<Sealed>]
type internal Contrasting(context: IPlanContext, o: DataFreeOptions, s: Settings) =
    let width = 256L
    let teacher = context.Network(o.Teacher).Module

    let norms =
        teacher.modules ()
        |> Seq.choose (function
            | :? BatchNorm2d as n -> Some n
            | _ -> None)
        |> Seq.toArray

    let length = norms |> Array.sumBy _.num_features

    let projector =
        use _ = RandomScope.Use(context.Random.Derive("projector").Value)

        let made =
            torch.nn.Sequential(
                torch.nn.Linear(length, length) :> torch.nn.Module<torch.Tensor, torch.Tensor>,
                torch.nn.ReLU() :> torch.nn.Module<torch.Tensor, torch.Tensor>,
                torch.nn.Linear(length, width) :> torch.nn.Module<torch.Tensor, torch.Tensor>
            )

        made.``to`` context.Device |> ignore
        context.State.Register("projector", made :> torch.nn.Module)
        made

    let bank = context.State.Pool("bank", int64 o.Bank)

    let project (features: torch.Tensor) =
        FeatureMath.Unit((projector.call features).to_type torch.ScalarType.Float32, 1)

    // Rows of the bank, with replacement: global features, then local ones.
    let drawn (key: RandomKey) : torch.Tensor =
        use draws = key.NewGenerator(torch.CPU)

        let rows =
            torch.randint (
                0L,
                bank.Count,
                [| min (int64 o.BankBatch) bank.Count |],
                torch.ScalarType.Int64,
                generator = draws
            )

        bank.Read("views", rows)

    /// The length of an image's features in both views.
    member _.Length = 2L * length

    /// What it trains beside the images.
    member _.Trainable =
        let adam =
            OptimiserSettings(Name = "adam", LearningRate = s.Rate, Beta1 = s.Beta1, Beta2 = s.Beta2)

        Trainable.Of("projector", projector, adam, (fun _ -> 1.0))

    /// A pass of the teacher with the mean over space of what goes into each batch norm, one after the other: float [B, Length / 2].
    member _.Watch(pass: unit -> 'T) : struct ('T * torch.Tensor) =
        let seen = List<torch.Tensor>()

        let hook (norm: BatchNorm2d) =
            norm.register_forward_pre_hook (fun _ input ->
                seen.Add(input.mean([| 2L; 3L |]).to_type torch.ScalarType.Float32)
                null)

        let hooks = norms |> Array.map hook

        try
            let result = pass ()
            struct (result, torch.cat (seen.ToArray(), 1L))
        finally
            for h in hooks do
                h.remove ()

    /// L_cr of features of both views [B, Length / 2], and both beside each other for the bank.
    member _.Loss
        (step: IStepContext, key: RandomKey, globals: torch.Tensor, locals: torch.Tensor)
        : struct (torch.Tensor * torch.Tensor) =
        let own = torch.cat ([| globals; locals |], 1L)

        let all =
            if bank.Count = 0L then
                own
            else
                torch.cat ([| own; drawn key |], 0L)

        let side (n: int64) = project (all.narrow (1L, n * length, length))
        let loss = Terms.Contrast(side 1L, side 0L, o.ContrastTemperature, own.shape[0])
        step.Report("images.contrast", loss)
        struct (loss, own)

    /// Keeps the views of images.
    member _.Keep(views: torch.Tensor) = bank.Append(Dictionary(dict [ "views", views ]))
