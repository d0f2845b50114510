namespace KdPlugins.Core

open System
open System.Collections.Generic

/// Asks a strategy for its plan.
module internal PlanCall =

    let private require (strategy: IDistillationStrategy) (stages: IReadOnlyList<Stage>) =
        let nothing (what: string) =
            Fail.error PluginErrors.Nothing $"The plan of {PluginNames.find strategy} has {what}."

        for stage in stages do
            if isNull (box stage) then
                nothing "a stage that is null"

            if isNull stage.Step then
                nothing $"no step in its stage '{stage.Name}'"

            if
                isNull stage.Trainables
                || isNull stage.Trains
                || isNull stage.Evaluates
                || Seq.exists isNull stage.Trainables
            then
                nothing $"null among what its stage '{stage.Name}' trains or evaluates"

    /// The stages, none of them null. watcher: null for nobody. phase: empty for the main one.
    let run (watcher: StepWatcher) (phase: string) (strategy: IDistillationStrategy) (context: IPlanContext) =
        let who = PluginNames.find strategy

        let place =
            if phase = "" then
                "while it planned"
            else
                $"while it planned the phase '{phase}'"

        if not (isNull watcher) then
            watcher.Begin(Func<string>(fun () -> $"The plan of {who}"), null)

        try
            let stages =
                PluginCall.composing strategy place "Plan" (fun () -> strategy.Plan context)

            require strategy stages
            stages
        finally
            if not (isNull watcher) then
                watcher.End()
