/// Mistakes of F# authors, for the tests of the conformance kit: no analyzer sees them.
namespace KdPlugins.Core.FSharpPlugin

open System
open System.Threading.Tasks
open KdPlugins.Core
open KdPlugins.Sdk
open TorchSharp

[<Sealed; KdLoss("fsharp-product")>]
type ProductLoss() =
    inherit DistillationLoss<NoOptions>()

    let compare (a: torch.Tensor) (b: torch.Tensor) = a.matmul(b.t ()).mean()
    override _.Compute context = compare context.Student.Logits context.Teacher.Logits

[<Sealed; KdAugmentation("fsharp-clock")>]
type ClockAugmentation() =
    inherit Augmentation<NoOptions>()

    override _.Apply(batch, _) =
        let late = [ 1; 2 ] |> List.exists (fun hour -> DateTime.Now.Hour < hour)
        if late then batch else batch.WithInput(batch.Input)

[<Sealed; KdStrategy("fsharp-async")>]
type AsyncStrategy() =
    inherit DistillationStrategy<NoOptions>()

    override _.Plan _ =
        let step (step: IStepContext) = async { step.Publish("x", 1.0) } |> Async.Start
        [| Stage("only", StageLength.Steps 1L, Action<IStepContext> step) |]

[<Sealed; KdStrategy("fsharp-task")>]
type TaskStrategy() =
    inherit DistillationStrategy<NoOptions>()

    override _.Plan _ =
        let step (step: IStepContext) =
            (task {
                do! Task.Yield()
                step.Publish("x", 1.0)
            })
                .Wait()

        [| Stage("only", StageLength.Steps 1L, Action<IStepContext> step) |]
