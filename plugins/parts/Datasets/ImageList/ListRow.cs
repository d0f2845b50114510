namespace KdPlugins.Datasets;

/// <summary>What a row of a list says.</summary>
/// <param name="File">The image's file, as it is written.</param>
/// <param name="Label">The label, as it is written.</param>
/// <param name="Split">The split, as it is written; null where the list does not say.</param>
/// <param name="Line">Where it stands, from 1.</param>
internal readonly record struct ListRow(string File, string Label, string? Split, long Line);
