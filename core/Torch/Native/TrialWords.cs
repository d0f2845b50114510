namespace KdPlugins.Torch.Native;

/// <summary>What the parent and the child of a trial say to each other.</summary>
internal static class TrialWords
{
    /// <summary>Set in the environment of a child: the number of the shape to begin with. It has no other meaning.</summary>
    internal const string Variable = "KD_INSTRUCTIONS_TRIAL";

    internal const string Trying = "try ";
    internal const string Wrong = "wrong ";
    internal const string Done = "done ";
}
