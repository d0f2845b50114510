using System.ComponentModel.DataAnnotations;

namespace KdPlugins.Datasets;

/// <summary>Files or folders, none of them an empty text.</summary>
internal sealed class PathsAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) =>
        value is IEnumerable<string> paths && paths.All(path => !string.IsNullOrEmpty(path) && !path.Contains('\0'));

    public override string FormatErrorMessage(string name) => "a path, or several, none of them empty";
}
