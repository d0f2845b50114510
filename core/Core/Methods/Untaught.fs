namespace KdPlugins.Core

open System

/// For plans in which nobody teaches.
[<AbstractClass; Sealed>]
type Untaught private () =

    /// Raises KDP0332 where a loss of the recipe needs a teacher. who: what trains without one, such as "Strategy 'supervised'
    /// trains 'student'".
    static member Require(who: string, context: IPlanContext) : unit =
        if context.TeacherLosses.Count > 0 then
            let losses = String.Join(", ", context.TeacherLosses)
            Fail.error CoreErrors.NobodyTeaches $"{who} without a teacher, and these losses need one: {losses}."
